"""Every variant of the kernels that this processor can run, and the one that is emulated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service.engine.kernels import native
from service.engine.kernels.build import build
from service.engine.kernels.operations import NativeKernels

if TYPE_CHECKING:
    from service.engine.kernels.native import Library

_FLAGS = set(Path("/proc/cpuinfo").read_text("utf-8").split())
# The last of the instruction sets that each variant needs, as Linux names them.
_NEEDS = {
    "avx512_amx": "amx_int8",
    "avx512_bf16": "avx512_bf16",
    "avx512_vnni": "avx512_vnni",
    "avx512": "avx512bw",
    "avx2": "avx2",
}
EXPECTED = [*(name for name, flag in _NEEDS.items() if flag in _FLAGS), "portable"]
# Kept between runs, and apart from what ships.
_EMULATED_LIBRARY = Path(__file__).parents[4] / ".state" / "emulated-kernels"
_EMULATED = ["emulated_amx"] if "avx2" in _FLAGS else []


@pytest.fixture(scope="session")
def library() -> Library:
    return native.load(build())


@pytest.fixture(scope="session")
def emulation() -> Library:
    return native.load(build(_EMULATED_LIBRARY, emulated=True))


@pytest.fixture(scope="session", params=[*EXPECTED, *_EMULATED])
def kernels(request: pytest.FixtureRequest) -> NativeKernels:
    name: str = request.param
    library: Library = request.getfixturevalue("emulation" if name in _EMULATED else "library")
    return NativeKernels(library, library.variants[name])


@pytest.fixture(scope="session")
def expected_variants() -> list[str]:
    return EXPECTED
