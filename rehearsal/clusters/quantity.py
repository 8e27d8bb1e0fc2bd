"""Kubernetes' quantities as numbers (kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity)."""

from typing import Final

_BINARY: Final = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
_DECIMAL: Final = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
_MIB: Final = 2**20


def cpu_milli(text: str) -> int:
    """Read an amount of CPU: thousandths of a hardware thread, rounded up."""
    return int(text[:-1]) if text.endswith("m") else _up(float(text) * 1000)


def memory_mib(text: str) -> int:
    """Read an amount of memory: MiB, rounded up."""
    for suffixes in (_BINARY, _DECIMAL):
        for suffix, size in suffixes.items():
            if text.endswith(suffix):
                return _up(float(text.removesuffix(suffix)) * size / _MIB)
    return _up(float(text) / _MIB)


def _up(number: float) -> int:
    return -int(-number // 1)
