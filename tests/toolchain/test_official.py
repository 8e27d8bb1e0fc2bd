import hashlib
import http.server
import io
import os
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolchain import official
from toolchain.errors import OfficialPulumiError
from toolchain.recipes import recipe_named


@pytest.fixture(autouse=True)
def _nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELFLEET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("MODELFLEET_PULUMI", raising=False)


def install(folder: Path, *, host: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {"pulumi": b"\x7fELF", "pulumi-language-python": host}.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o755)


def test_an_official_cli_on_path_is_found(tmp_path: Path) -> None:
    assert official.find_official() is None
    install(tmp_path / "bin", host=b"\x7fELF")
    assert official.find_official() == tmp_path / "bin"


def test_a_script_as_language_host_is_not_the_official_one(tmp_path: Path) -> None:
    install(tmp_path / "bin", host=b"#!/bin/sh")
    assert official.find_official() is None


def test_our_own_build_on_path_is_not_the_official_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = tmp_path / "cache" / "tools" / "pulumi-1-abc"
    install(built, host=b"\x7fELF")
    monkeypatch.setenv("PATH", str(built))
    assert official.find_official() is None


def test_a_misspelt_choice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELFLEET_PULUMI", "offical")
    with pytest.raises(OfficialPulumiError, match=r"offical.*auto, official, built"):
        official.wanted()


class Releases(http.server.BaseHTTPRequestHandler):
    files: dict[str, bytes]

    def do_GET(self) -> None:
        content = self.files.get(self.path.rsplit("/", 1)[-1])
        self.send_response(200 if content is not None else 404)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content or b"")

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Stay silent."""


@pytest.fixture
def releases(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """A download host on this machine with a tiny release."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in ("pulumi/pulumi", "pulumi/pulumi-language-python"):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = 4, 0o755
            archive.addfile(entry, io.BytesIO(b"\x7fELF"))
    name = official._archive()
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    checksums = f"pulumi-{recipe_named('pulumi').version}-checksums.txt"
    Releases.files = {name: content.getvalue(), checksums: f"{digest}  {name}\n".encode()}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Releases)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(official, "_RELEASES", f"http://127.0.0.1:{server.server_port}/releases")
    yield Releases.files
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("releases")
def test_a_host_that_answers_is_used_once(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = official.install_official()
    assert folder is not None
    assert os.access(folder / "pulumi-language-python", os.X_OK)
    monkeypatch.setattr(official, "_RELEASES", "http://127.0.0.1:1")
    assert official.install_official() == folder
    assert official.find_official() == folder


def test_a_wrong_checksum_installs_nothing(releases: dict[str, bytes], tmp_path: Path) -> None:
    releases[official._archive()] += b"tampered"
    assert official.install_official() is None
    assert not [path for path in (tmp_path / "cache" / "tools").iterdir() if path.is_dir()]
    with pytest.raises(OfficialPulumiError, match="MODELFLEET_PULUMI=built"):
        official.official_dir()


def test_a_host_that_swallows_packets_is_given_up_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    # 192.0.2.0/24 is reserved for documentation: nothing there ever answers.
    monkeypatch.setattr(official, "_RELEASES", "http://192.0.2.1/releases")
    started = time.monotonic()
    assert official.install_official() is None
    assert time.monotonic() - started < official._PROBE_S + 2
