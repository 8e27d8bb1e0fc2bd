"""The compiled library: loaded once, with typed functions."""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch

from service.engine.kernels.build import library_path

if TYPE_CHECKING:
    from collections.abc import Callable

_INT = ctypes.c_int
_LONG = ctypes.c_int64
_FLOAT = ctypes.c_float
_POINTER = ctypes.c_void_p

# The parameters of native/library.cpp's functions, in order; those that compute begin with variant and threads.
_LINEAR: Final = (_INT, _POINTER, _LONG, _LONG, *[_POINTER] * 4, _LONG, _LONG, _POINTER, _LONG)
_ATTENTION: Final = (
    *(_POINTER, _LONG, _POINTER, _POINTER, _INT, _POINTER, _LONG, _POINTER, _POINTER),
    *([_LONG] * 6),
    *(_FLOAT, _LONG, _POINTER),
)
_STORE_KV: Final = (_POINTER, _POINTER, _LONG, _LONG, _POINTER, _POINTER, _INT, _POINTER, *[_LONG] * 5)
_RMS_NORM: Final = (_POINTER, _LONG, _POINTER, _FLOAT, _LONG, _LONG, _LONG, _POINTER)
_ROPE: Final = (_POINTER, _LONG, _LONG, _LONG, _LONG, _POINTER, _POINTER, _POINTER)
_GATED: Final = (_INT, _POINTER, _LONG, _LONG, _POINTER)


class KernelsUnavailableError(Exception):
    """The library can't be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Library:
    """The library's functions; each takes the variant's number first, then the number of threads.

    Those that take long let other Python threads run meanwhile. The short ones don't: handing the interpreter over and
    getting it back would cost more than what they compute.

    Attributes:
        variants: names of those that this processor can run, best first, with their numbers.
    """

    variants: dict[str, int]
    packed_bytes: Callable[..., int]
    pack: Callable[..., None]
    linear: Callable[..., None]
    attention: Callable[..., None]
    store_kv: Callable[..., None]
    rms_norm: Callable[..., None]
    rope: Callable[..., None]
    gated: Callable[..., None]
    layers: Callable[..., None]


def load(path: Path | None = None) -> Library:
    """Loads the library, once for each file.

    Args:
        path: by default the one that `service.engine.kernels.build` made of these sources.

    Raises:
        KernelsUnavailableError: it hasn't been built, or doesn't fit this machine or torch.
    """
    return _loaded(library_path() if path is None else path)


@functools.cache
def _loaded(path: Path) -> Library:
    if not path.is_file():
        raise KernelsUnavailableError(f"{path.name} is not built: python -m service.engine.kernels.build")
    try:
        # Loaded already by torch; this makes its functions visible to the libraries loaded after it.
        ctypes.CDLL(_openmp_runtime(), ctypes.RTLD_GLOBAL)
        long, short = ctypes.CDLL(str(path)), ctypes.PyDLL(str(path))
    except OSError as error:
        raise KernelsUnavailableError(f"{path.name} can't be loaded: {error}") from None
    name = _function(short, "kernels_name", ctypes.c_char_p, (_INT,))
    supported = _function(short, "kernels_supported", _INT, (_INT,))
    count = _function(short, "kernels_count", _INT, ())()

    def computing(library: ctypes.CDLL, function: str, parameters: tuple[Any, ...]) -> Callable[..., None]:
        return _function(library, function, None, (_INT, _INT, *parameters))

    return Library(
        variants={name(number).decode(): number for number in range(count) if supported(number)},
        packed_bytes=_function(short, "kernels_packed_bytes", _LONG, (_INT, _INT, _LONG, _LONG)),
        pack=_function(long, "kernels_pack", None, (_INT, _INT, _POINTER, _LONG, _LONG, _POINTER)),
        linear=computing(long, "kernels_linear", _LINEAR),
        attention=computing(long, "kernels_attention", _ATTENTION),
        store_kv=computing(short, "kernels_store_kv", _STORE_KV),
        rms_norm=computing(short, "kernels_rms_norm", _RMS_NORM),
        rope=computing(short, "kernels_rope", _ROPE),
        gated=computing(short, "kernels_gated", _GATED),
        layers=computing(long, "kernels_layers", (_POINTER,)),
    )


def _function(library: ctypes.CDLL, name: str, result: Any, parameters: tuple[Any, ...]) -> Callable[..., Any]:
    function = getattr(library, name)
    function.restype = result
    function.argtypes = parameters
    return function


def _openmp_runtime() -> str:
    """The path of the OpenMP runtime in this process: the one whose threads torch computes with."""
    if torch.backends.openmp.is_available():
        for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
            # libgomp, or LLVM's and Intel's, which offer its interface too.
            if Path(line.rsplit(maxsplit=1)[-1]).name.startswith(("libgomp", "libomp", "libiomp5")):
                return line.split(maxsplit=5)[5]
    raise KernelsUnavailableError("this torch computes without OpenMP, whose threads the kernels share")
