"""The program of every pod's sandbox container: it holds the pod's namespaces and does nothing.

It is 40 instructions' worth of bytes, so it is assembled here instead of asking the machine for a C compiler or a
runtime: a static x86-64 ELF file that ignores SIGCHLD (whereby the kernel reaps its orphans, sigaction(2), for pods
that share one PID namespace) and then sleeps in pause(2) for ever.
"""

import struct

_LOAD_ADDRESS = 0x400000
_ELF_HEADER_BYTES = 64
_PROGRAM_HEADER_BYTES = 56
_ENTRY = _LOAD_ADDRESS + _ELF_HEADER_BYTES + _PROGRAM_HEADER_BYTES

_RT_SIGACTION = 13
_PAUSE = 34
_SIGCHLD = 17
_SIGNAL_SET_BYTES = 8
_KERNEL_SIGACTION_WORDS = 4  # handler, flags, restorer, mask


def pause_binary() -> bytes:
    """Return the ELF file."""
    code = b"".join(
        (
            # struct kernel_sigaction on the stack: the handler is SIG_IGN (1), the rest zero
            b"\x31\xc0",  # xor eax, eax
            b"\x50" * (_KERNEL_SIGACTION_WORDS - 1),  # push rax, for mask, restorer and flags
            b"\x6a\x01",  # push 1
            b"\xbf" + struct.pack("<I", _SIGCHLD),  # mov edi, SIGCHLD
            b"\x48\x89\xe6",  # mov rsi, rsp
            b"\x31\xd2",  # xor edx, edx: the old action isn't wanted
            b"\x41\xba" + struct.pack("<I", _SIGNAL_SET_BYTES),  # mov r10d, 8
            b"\xb8" + struct.pack("<I", _RT_SIGACTION),  # mov eax, SYS_rt_sigaction
            b"\x0f\x05",  # syscall
            b"\xb8" + struct.pack("<I", _PAUSE),  # again: mov eax, SYS_pause
            b"\x0f\x05",  # syscall
            b"\xeb\xf7",  # jmp again, 9 bytes back: a caught signal ends the pause
        )
    )
    size = _ELF_HEADER_BYTES + _PROGRAM_HEADER_BYTES + len(code)
    elf_header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",  # 64 bit, little endian, version 1
        2,  # an executable
        62,  # x86-64
        1,
        _ENTRY,
        _ELF_HEADER_BYTES,
        0,
        0,
        _ELF_HEADER_BYTES,
        _PROGRAM_HEADER_BYTES,
        1,
        0,
        0,
        0,
    )
    readable_executable = 5
    program_header = struct.pack(
        "<IIQQQQQQ", 1, readable_executable, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, 0x1000
    )
    return elf_header + program_header + code
