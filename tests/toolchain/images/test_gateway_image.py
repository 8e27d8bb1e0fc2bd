"""The small image, built for real from Debian packages, twice, pushed to a real registry."""

import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from toolchain.errors import DiskFullError
from toolchain.images import BuiltImage, build, dependencies, list_built, oci_layout, push
from toolchain.images.errors import ArchiveError, RegistryError

pytestmark = [pytest.mark.slow, pytest.mark.cluster]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty cache folder; uv is looked up in the real one first, as the set-up puts it there."""
    uv = dependencies.find_uv()
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELFLEET_CACHE", str(folder))
        patch.setenv("PATH", f"{uv.parent}:{os.environ['PATH']}")
        yield folder


@pytest.fixture(scope="module")
def gateway(cache: Path) -> BuiltImage:
    built = build("gateway", on_progress=print)
    assert built.archive.is_relative_to(cache)
    return built


@pytest.fixture(scope="module")
def layout(gateway: BuiltImage, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, oci_layout.Manifest]:
    folder = tmp_path_factory.mktemp("layout")
    return folder, oci_layout.unpack(gateway.archive, folder)


def test_a_second_build_returns_the_first_ones_result(gateway: BuiltImage) -> None:
    said: list[str] = []
    started = time.monotonic()
    assert build("gateway", on_progress=said.append) == gateway
    assert time.monotonic() - started < 5
    assert said == []
    assert list_built("gateway") == [gateway]


def test_a_build_from_nothing_gives_the_same_digest(
    gateway: BuiltImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELFLEET_CACHE", str(tmp_path / "another/cache"))
    again = build("gateway")
    assert again.archive != gateway.archive
    assert again.digest == gateway.digest


def test_it_leaves_no_unfinished_thing(gateway: BuiltImage, cache: Path) -> None:
    assert gateway.archive.exists()
    assert not [path for path in (cache / "images").iterdir() if "part" in path.name]
    assert str(cache) not in Path("/proc/self/mounts").read_text()


def test_it_holds_python_and_neither_shell_nor_package_manager(
    gateway: BuiltImage, layout: tuple[Path, oci_layout.Manifest]
) -> None:
    folder, manifest = layout
    assert gateway.reference == f"modelfleet.local/gateway@{manifest.descriptor.digest}"
    config = oci_layout.read_config(folder, manifest)
    assert config["config"]["User"] == "65532:65532"
    assert {entry["created"] for entry in config["history"]} == {"2025-01-01T00:00:00Z"}
    names: set[str] = set()
    for layer in manifest.layers:
        blob = oci_layout.blob_path(folder, layer.digest)
        plain = subprocess.run(["zstd", "-dcq", str(blob)], capture_output=True, check=True).stdout
        listing = tmp_tar(folder, plain)
        names.update(entry.name.removeprefix("./") for entry in listing if not entry.isdir())
    programs = {name for name in names if name.startswith(("bin/", "sbin/", "usr/bin/", "usr/sbin/"))}
    assert programs == {"usr/bin/python3", "usr/bin/python3.11"}
    assert "opt/modelfleet/app/service/gateway/__main__.py" in names
    assert not [name for name in names if name.startswith("opt/modelfleet/app/service/engine")]
    assert "etc/ssl/certs/ca-certificates.crt" in names


def tmp_tar(folder: Path, plain: bytes) -> list[tarfile.TarInfo]:
    path = folder / "layer.tar"
    path.write_bytes(plain)
    with tarfile.open(path) as tar:
        return tar.getmembers()


def test_it_is_pushed_by_the_digest_it_has_here(gateway: BuiltImage, registry: str) -> None:
    said: list[str] = []
    reference = push(gateway, registry, repository="platform/gateway", tag="v1", on_progress=said.append)
    assert reference == f"{registry}/platform/gateway@{gateway.digest}"
    accept = {"accept": oci_layout.MANIFEST_TYPE}
    for name in (gateway.digest, "v1"):
        answer = httpx.get(f"http://{registry}/v2/platform/gateway/manifests/{name}", headers=accept)
        assert answer.headers["docker-content-digest"] == gateway.digest
    assert all(line.startswith("pushed") for line in said)
    said.clear()
    push(gateway, registry, repository="platform/gateway", plain_http=True, on_progress=said.append)
    assert all(line.startswith("there already") for line in said)


def test_a_registry_that_is_not_there_is_a_clear_error(gateway: BuiltImage) -> None:
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:9 does not answer"):
        push(gateway, "127.0.0.1:9", plain_http=True)
    with pytest.raises(RegistryError, match="lower case"):
        push(gateway, "127.0.0.1:9", repository="Gateway")


def test_a_damaged_archive_is_not_pushed(gateway: BuiltImage, tmp_path: Path) -> None:
    damaged = tmp_path / "image.tar"
    content = bytearray(gateway.archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(content)
    with pytest.raises(ArchiveError, match="damaged"):
        oci_layout.unpack(damaged, tmp_path / "layout")


def test_a_truncated_archive_counts_as_not_built(gateway: BuiltImage, tmp_path: Path) -> None:
    copy = tmp_path / "cache/images" / gateway.archive.parent.name
    shutil.copytree(gateway.archive.parent, copy)
    os.truncate(copy / "image.tar", 1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELFLEET_CACHE", str(tmp_path / "cache"))
        assert list_built() == []


def test_too_little_room_is_said_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELFLEET_CACHE", str(tmp_path))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(DiskFullError, match="MODELFLEET_CACHE"):
        build("gateway")
    assert not [path for path in (tmp_path / "images").iterdir() if not path.name.endswith(".lock")]
