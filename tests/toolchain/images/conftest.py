"""A real registry, and a cache folder of a test's own."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.toolchain.images.tiny_image import FILES, make_image
from toolchain import builder
from toolchain.images import BuiltImage, cosign, dependencies

ANSWERS_WITHIN_S = 60.0
Make = Callable[..., BuiltImage]


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder; uv is looked up in the real one first, as the set-up puts it there."""
    uv = dependencies.find_uv()
    monkeypatch.setenv("MODELFLEET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{uv.parent}:{os.environ['PATH']}")
    return tmp_path / "cache"


@pytest.fixture
def real_cosign(monkeypatch: pytest.MonkeyPatch) -> Path:
    """cosign on PATH. A test names it first: it is looked up in the real cache folder, before that becomes another."""
    if shutil.which("cosign") is None:
        if not builder.is_built("cosign"):
            pytest.skip("cosign is neither on PATH nor built: `make test-signatures` builds it")
        monkeypatch.setenv("PATH", str(builder.ensure("cosign")), prepend=":")
    monkeypatch.setenv(cosign.PASSWORD_VARIABLE, "a pass phrase")
    return Path(str(shutil.which("cosign")))


@pytest.fixture
def make_shipped(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make an image where those built are looked for; the lock pins what FILES holds."""
    monkeypatch.setattr(dependencies, "requirements", lambda *_, **__: "typing-thing==1.0\n")
    return lambda files=FILES, config=None: make_image(own_cache, files, config)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    if shutil.which("docker-registry") is None:
        pytest.skip("Debian's docker-registry is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "registry.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {tmp_path}/blobs}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with subprocess.Popen(["docker-registry", "serve", str(config)]) as process:
        deadline = time.monotonic() + ANSWERS_WITHIN_S
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/v2/").status_code == 200:
                    break
            except httpx.TransportError:
                assert process.poll() is None, "the registry ended"
                assert time.monotonic() < deadline, "the registry does not answer"
        yield f"127.0.0.1:{port}"
        process.terminate()
