"""The log that all of the release store is made of, in a folder and in a bucket that speaks S3's API."""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest
from moto.server import ThreadedMotoServer

from release.append_log import AppendLog, NumberTakenError, StoreError, numbered, numbers, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore.store import ObjectStore


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Iterator[ObjectStore]":
    if request.param == "folder":
        yield open_store((tmp_path / "with a blank").as_uri())
        return
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "simulated")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "simulated")
    for variable in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(variable, raising=False)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        bucket = f"states-{secrets.token_hex(4)}"  # all servers of one process share what they hold
        with urlopen(Request(f"{url}/{bucket}", method="PUT")):  # noqa: S310 - this machine's own
            pass
        yield open_store(f"s3://{bucket}?region=us-east-1&endpoint={url}&disableSSL=true&s3ForcePathStyle=true")
    finally:
        server.stop()


def test_what_is_appended_is_read_in_order(store: "ObjectStore") -> None:
    log = AppendLog(store, "stacks/one")
    assert log.read() == []
    for number in range(12):
        log.append(number, f"entry {number}".encode())
    assert log.read() == [f"entry {number}".encode() for number in range(12)]
    assert AppendLog(store, "stacks/on").read() == []


def test_of_two_writers_one_gets_a_number(store: "ObjectStore") -> None:
    """No update is lost: whoever is second is told, and the first one's entry stays."""
    start = threading.Barrier(8)

    def write(writer: int) -> bool:
        start.wait()
        try:
            AppendLog(store, "log").append(0, f"writer {writer}".encode())
        except NumberTakenError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(write, range(8)))
    assert written.count(True) == 1
    assert AppendLog(store, "log").read() == [f"writer {written.index(True)}".encode()]


def test_an_append_whose_answer_was_lost_may_be_repeated(store: "ObjectStore") -> None:
    log = AppendLog(store, "log")
    log.append(0, b"the same")
    log.append(0, b"the same")
    with pytest.raises(NumberTakenError, match=r"log/00000000.json was written by somebody else"):
        log.append(0, b"another")


def test_numbered_logs(store: "ObjectStore") -> None:
    assert list(numbers(store, "rollouts")) == []
    for number in (0, 2, 10):
        AppendLog(store, numbered("rollouts", number)).append(0, b"begun")
    assert list(numbers(store, "rollouts")) == [0, 2, 10]


def test_a_missing_entry_is_told(tmp_path: Path) -> None:
    log = AppendLog(open_store(tmp_path.as_uri()), "log")
    for number in range(3):
        log.append(number, b"")
    (tmp_path / "modelfleet-releases" / "log" / "00000001.json").unlink()
    with pytest.raises(StoreError, match=r"log lacks entry 1 .*older versions"):
        log.read()


def test_a_backend_that_holds_no_objects_is_refused() -> None:
    with pytest.raises(StoreError, match=r"'https://api\.example' is none of file://"):
        open_store("https://api.example")


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "modelfleet-releases").mkdir()
    (tmp_path / "modelfleet-releases" / "log").write_text("no folder")
    with pytest.raises(StoreError, match=r"can't be (written|read)"):
        AppendLog(open_store(tmp_path.as_uri()), "log").append(0, b"")
