"""Weights onto local disk: bytes a second of a verified fetch, against the same bytes by a plain copy in the same run.

A fetch hashes every byte and makes it durable before it says that a model is there; so does the copy it is compared
with make its bytes durable, and a second one hashes them too. From an object store, the peer is boto3's own download
from the same server: moto's, a Python program, which limits both alike. What the disk itself takes is measured by bytes
that are in memory already, written and made durable.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import httpx

from benchmarks import report
from service.weights.store import fetch, publish
from toolchain.locations import cache_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

ROUNDS = 5
FILES = 2
FILE_BYTES = 128 * 1024 * 1024
_BUCKET = "weights"
_START_LIMIT_S = 60.0
_PIECE_BYTES = 8 * 1024 * 1024
_PIECE = os.urandom(_PIECE_BYTES)
_DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Way:
    """A way for the model to get onto the disk.

    Attributes:
        name: of it.
        bring: does it, into a folder that isn't there yet.
        peer: name of the way it is compared with; empty for what is a peer itself.
    """

    name: str
    bring: Callable[[Path], object]
    peer: str = ""


def main() -> int:
    """Measure, print and write."""
    base = cache_dir() / "benchmarks"
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base) as folder, _object_store() as endpoint:
        work = Path(folder)
        model = _model(work / "model")
        publish(model, (work / "published").as_uri())
        publish(model, f"s3://{_BUCKET}/model")
        ways = (
            Way(_DEVICE, _write),
            Way("copy", functools.partial(_copy, model)),
            Way("copy and hash", functools.partial(_copy_and_hash, model)),
            Way("fetch file://", functools.partial(fetch, (work / "published").as_uri()), peer="copy"),
            Way("boto3 download", functools.partial(_download, endpoint, model)),
            Way("fetch s3://", functools.partial(fetch, f"s3://{_BUCKET}/model"), peer="boto3 download"),
        )
        rates = _rates(ways, work)
    figures = {
        way.name: {
            "bytes_per_s": round(rates[way.name]),
            "of_device": round(rates[way.name] / rates[_DEVICE], 2),
            **({"of_peer": round(rates[way.name] / rates[way.peer], 2), "peer": way.peer} if way.peer else {}),
        }
        for way in ways
    }
    file = report.write("weights", {"rounds": ROUNDS, "bytes": FILES * FILE_BYTES, "files": FILES, "ways": figures})
    for way in ways:
        rate = rates[way.name]
        ratio = f", {rate / rates[way.peer]:.2f}x of {way.peer}" if way.peer else ""
        print(f"{way.name}: {rate / 1e6:.0f} MB/s, {rate / rates[_DEVICE]:.2f}x of the device{ratio}")  # noqa: T201
    print(file)  # noqa: T201
    return 0


def _rates(ways: tuple[Way, ...], work: Path) -> Mapping[str, float]:
    """Median bytes a second of each way; all in turn, so that they have the same of what else the machine does."""
    taken_s: dict[str, list[float]] = {way.name: [] for way in ways}
    for number in range(ROUNDS):
        for way in ways:
            target = work / f"round-{number}"
            began_s = time.perf_counter()
            way.bring(target)
            taken_s[way.name].append(time.perf_counter() - began_s)
            shutil.rmtree(target)
    return {name: FILES * FILE_BYTES / statistics.median(samples) for name, samples in taken_s.items()}


def _model(folder: Path) -> Path:
    folder.mkdir()
    for number in range(FILES):
        (folder / f"model-{number}.safetensors").write_bytes(os.urandom(FILE_BYTES))
    return folder


def _write(target: Path) -> None:
    target.mkdir()
    for number in range(FILES):
        file = target / f"model-{number}.safetensors"
        with file.open("wb") as written:
            for _ in range(FILE_BYTES // _PIECE_BYTES):
                written.write(_PIECE)
        _sync(file)


def _copy(model: Path, target: Path) -> None:
    target.mkdir()
    for file in model.iterdir():
        shutil.copyfile(file, target / file.name)
        _sync(target / file.name)


def _copy_and_hash(model: Path, target: Path) -> None:
    target.mkdir()
    for file in model.iterdir():
        hasher = hashlib.sha256()
        with file.open("rb") as source, (target / file.name).open("wb") as copy:
            while piece := source.read(_PIECE_BYTES):
                hasher.update(piece)
                copy.write(piece)
        _sync(target / file.name)


def _download(endpoint: str, model: Path, target: Path) -> None:
    target.mkdir()
    client = boto3.client("s3", endpoint_url=endpoint)
    for file in model.iterdir():
        client.download_file(_BUCKET, f"model/{file.name}", str(target / file.name))
        _sync(target / file.name)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def _object_store() -> Generator[str]:
    """Moto's server in a process of its own, with the environment set so that clients find it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    settings: dict[str, Any] = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    os.environ.update(settings)
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(urlsplit(endpoint).port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + _START_LIMIT_S
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(endpoint, trust_env=False)
                break
            if time.monotonic() > deadline or server.poll() is not None:
                raise SystemExit("moto's server did not start")
            time.sleep(0.1)
        boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=_BUCKET)
        yield endpoint
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
