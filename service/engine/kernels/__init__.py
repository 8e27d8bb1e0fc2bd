"""The engine's operations as compiled kernels: C++ for processors, Triton for CUDA devices.

`service.engine.kernels.operations` chooses among them; `service.engine.kernels.build` compiles the C++ ahead of time.
What each operation means is said once, in `service.engine.reference`, which is also what runs where no kernel fits.
"""
