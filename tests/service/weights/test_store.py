from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from service.weights import manifest
from service.weights import store as store_module
from service.weights.manifest import MANIFEST_NAME, CorruptFileError, Manifest, ManifestError, WeightsError
from service.weights.store import InsufficientSpaceError, fetch, publish
from tests.service.conftest import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LARGE_BYTES = 20 * 1024 * 1024


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    for name, value in {
        "AWS_ENDPOINT_URL": s3,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    name = f"b{abs(hash(request.node.name)):x}"
    boto3.client("s3", endpoint_url=s3, region_name="us-east-1").create_bucket(Bucket=name)
    return f"s3://{name}/models/m"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "m"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_bytes(b"{}")
    (folder / "empty").write_bytes(b"")
    (folder / "sub" / "weights.bin").write_bytes(os.urandom(_LARGE_BYTES))
    return folder


@pytest.fixture(params=["file", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return request.getfixturevalue("bucket") if request.param == "s3" else (tmp_path / "bucket" / "m").as_uri()


def test_what_is_published_is_fetched_and_found_again(place: str, model: Path, tmp_path: Path) -> None:
    digest = publish(model, place)
    assert publish(model, place) == digest == Manifest.of_folder(model).digest
    received: list[int] = []
    folder = fetch(place, tmp_path / "cache", digest, on_bytes=received.append)
    assert folder.name == digest.removeprefix("sha256:")
    for path in ("config.json", "empty", "sub/weights.bin"):
        assert (folder / path).read_bytes() == (model / path).read_bytes()
    assert sum(received) == _LARGE_BYTES + 2
    untouched = (folder / "sub" / "weights.bin").stat().st_ino
    assert fetch(place, tmp_path / "cache") == folder
    assert (folder / "sub" / "weights.bin").stat().st_ino == untouched


def test_a_damaged_copy_is_fetched_again(place: str, model: Path, tmp_path: Path) -> None:
    publish(model, place)
    folder = fetch(place, tmp_path / "cache")
    (folder / "config.json").write_bytes(b"[]")
    assert fetch(place, tmp_path / "cache") == folder
    assert (folder / "config.json").read_bytes() == b"{}"


def test_goes_on_from_what_a_killed_fetch_left(place: str, model: Path, tmp_path: Path) -> None:
    digest = publish(model, place)
    staging = tmp_path / "cache" / f".{digest.removeprefix('sha256:')}.partial" / "sub"
    staging.mkdir(parents=True)
    half = (model / "sub" / "weights.bin").read_bytes()[: _LARGE_BYTES // 2]
    (staging / "weights.bin").write_bytes(half)
    pieces: list[int] = []
    folder = fetch(place, tmp_path / "cache", on_bytes=pieces.append)
    assert len(half) in pieces
    assert sum(pieces) == _LARGE_BYTES + 2
    assert not staging.exists()
    shutil.rmtree(folder)
    staging.mkdir(parents=True)
    (staging / "weights.bin").write_bytes(b"x" * 1000)  # not what the file begins with
    fetch(place, tmp_path / "cache")
    assert (folder / "sub" / "weights.bin").read_bytes() == (model / "sub" / "weights.bin").read_bytes()


def test_a_killed_fetch_leaves_nothing_half_in_place(bucket: str, model: Path, tmp_path: Path) -> None:
    digest = publish(model, bucket)
    cache = tmp_path / "cache"
    program = (
        "import sys, time; from pathlib import Path; from service.weights.store import fetch\n"
        "fetch(sys.argv[1], Path(sys.argv[2]), on_bytes=lambda n: time.sleep(1 if n > 1000 else 0))"
    )
    process = subprocess.Popen([sys.executable, "-c", program, bucket, str(cache)])
    staging = cache / f".{digest.removeprefix('sha256:')}.partial"
    try:
        eventually(lambda: sum(path.stat().st_size for path in staging.rglob("*") if path.is_file()) > 2)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (cache / digest.removeprefix("sha256:")).exists()
    folder = fetch(bucket, cache, digest)
    assert (folder / "sub" / "weights.bin").read_bytes() == (model / "sub" / "weights.bin").read_bytes()
    assert not staging.exists()


def test_fetches_at_once_share_one_copy(place: str, model: Path, tmp_path: Path) -> None:
    publish(model, place)
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: fetch(place, tmp_path / "cache"), range(4)))
    assert len(folders) == 1


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("damage", ["content", "truncated", "missing"])
def test_damaged_files_are_refused_by_name(model: Path, tmp_path: Path, damage: str, in_place: bool) -> None:
    place = tmp_path / "bucket"
    publish(model, place.as_uri())
    file = place / "sub" / "weights.bin"
    match damage:
        case "content":
            with file.open("r+b") as opened:
                opened.seek(1000)
                opened.write(b"\0\1\2")
        case "truncated":
            os.truncate(file, 1000)
        case _:
            file.unlink()
    cache = tmp_path / "cache"
    with pytest.raises(CorruptFileError, match=r"sub/weights\.bin"):
        fetch(place.as_uri(), cache, in_place=in_place)
    assert [path for path in cache.glob("[!.]*")] == []  # noqa: C416 - reads as what is there


def test_a_folder_can_be_used_in_place(model: Path, tmp_path: Path) -> None:
    publish(model, (tmp_path / "b").as_uri())
    assert fetch((tmp_path / "b").as_uri(), tmp_path / "cache", in_place=True) == tmp_path / "b"
    assert not (tmp_path / "cache").exists()


def test_a_pinned_digest_is_kept_to(place: str, model: Path, tmp_path: Path) -> None:
    publish(model, place)
    with pytest.raises(ManifestError, match="was asked for"):
        fetch(place, tmp_path / "cache", "sha256:" + "0" * 64)


def test_another_model_is_replaced_only_on_request(place: str, model: Path, tmp_path: Path) -> None:
    first = publish(model, place)
    (model / "config.json").write_bytes(b"[]")
    with pytest.raises(ManifestError, match="holds another model"):
        publish(model, place)
    second = publish(model, place, replace=True)
    assert second != first
    assert (fetch(place, tmp_path / "cache") / "config.json").read_bytes() == b"[]"


def test_a_manifest_of_other_files_is_not_published(model: Path, tmp_path: Path) -> None:
    (model / MANIFEST_NAME).write_bytes(Manifest.of_folder(model).to_bytes())
    (model / "config.json").write_bytes(b"[]")
    with pytest.raises(ManifestError, match=r"config\.json"):
        publish(model, (tmp_path / "b").as_uri())


@pytest.mark.parametrize("uri", ["ftp://x/y", "model", "file://host/x", "file:relative", "s3:///x"])
def test_places_that_are_none_are_refused(uri: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        fetch(uri, tmp_path / "cache")


def test_an_empty_place_is_told_apart(place: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds no manifest\.json|no such folder"):
        fetch(place, tmp_path / "cache")


def test_a_disk_that_becomes_full_is_told_by_its_folder(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    publish(model, (tmp_path / "bucket").as_uri())
    monkeypatch.setattr(store_module, "_append", full)
    with pytest.raises(InsufficientSpaceError, match=f"{tmp_path / 'cache'}: the disk became full"):
        fetch((tmp_path / "bucket").as_uri(), tmp_path / "cache")


async def test_of_several_failures_the_first_is_told(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever kinds they are of."""

    async def fail(_: object, path: str, *__: object) -> None:
        raise OSError(errno.EIO, "broken") if path == "config.json" else CorruptFileError(path)

    monkeypatch.setattr(store_module, "_fetch_file", fail)
    store = store_module.LocalStore(model)
    with pytest.raises(WeightsError, match=r"file:///m: .*broken"):
        await store_module._fetch_files(store, "file:///m", Manifest.of_folder(model), tmp_path, lambda _: None)


def test_a_file_that_cannot_be_read_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Path) -> str:
        raise OSError(errno.EIO, "Input/output error")

    entry = Manifest.of_folder(model).files["config.json"]
    monkeypatch.setattr(manifest, "sha256_of", broken)
    with pytest.raises(WeightsError, match=r"config\.json: .* can't be read: Input/output error"):
        manifest.verify_file(model / "config.json", entry, name="config.json")


def test_a_full_disk_is_told_before_it_is_full(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(model, (tmp_path / "b").as_uri())
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(store_module.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InsufficientSpaceError, match="MB more"):
        fetch((tmp_path / "b").as_uri(), tmp_path / "cache")


@pytest.mark.parametrize(
    ("uri", "environment"),
    [
        ("az://container/m", {"AZURE_STORAGE_ACCOUNT_NAME": "account", "AZURE_STORAGE_ACCOUNT_KEY": "a2V5"}),
        ("gs://bucket/m", {"GOOGLE_SKIP_SIGNATURE": "true"}),
    ],
)
def test_the_other_clouds_are_wired(uri: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert store_module._open(uri)
