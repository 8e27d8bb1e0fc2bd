"""The engine beside other engines: the same weights, prompts and concurrency, in turn, on this machine.

``python -m benchmarks.peers --workload W1 --peers openvino-int8,llama.cpp-q8_0 --rounds 3``
"""
