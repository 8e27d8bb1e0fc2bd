"""Fetching and publishing model folders over one API for S3, Azure Blob, Google Cloud Storage and plain folders.

A fetch ends with the whole, verified folder under its final name, or with nothing there. What was already
received stays in a staging folder that the next fetch goes on from; every byte is hashed before it is used,
whether it came now or before the kill.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from service.weights.manifest import (
    MANIFEST_LIMIT_BYTES,
    MANIFEST_NAME,
    CorruptFileError,
    FileEntry,
    Manifest,
    ManifestError,
    WeightsError,
    digest_of,
    verify_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from io import BufferedWriter

    from obstore.store import ObjectStore, RetryConfig

# One request per range: large enough that latency doesn't matter, small enough that a dropped connection
# costs little and that the windows of all files fit in memory.
_RANGE_BYTES = 8 * 1024 * 1024
_RANGES_AHEAD = 4
_FILES_AT_ONCE = 4
# Small beside what a file system keeps unwritten by itself, large beside what a disk takes at once.
_DURABLE_BYTES = 64 * 1024 * 1024
# Room for the file system's own bookkeeping besides the files.
_SPARE_BYTES = 16 * 1024 * 1024
# Only a refusal for good (403, 404) is final at once; the rest is tried for this long.
_RETRY_S = 60
_SCHEMES = frozenset({"file", "s3", "az", "azure", "abfs", "abfss", "gs"})


class InsufficientSpaceError(WeightsError):
    """The disk can't hold the model."""


def fetch(
    uri: str,
    cache_dir: Path,
    digest: str | None = None,
    *,
    in_place: bool = False,
    on_bytes: Callable[[int], None] | None = None,
) -> Path:
    """Brings a model to local disk and verifies it.

    Credentials and endpoints come from the environment, as each cloud's own tools read them
    (``AWS_ENDPOINT_URL``, ``AZURE_STORAGE_ACCOUNT_NAME``, ``GOOGLE_SERVICE_ACCOUNT``, workload identity …).

    Args:
        uri: folder that holds ``manifest.json``: ``file:///…``, ``s3://…``, ``az://…`` or ``gs://…``.
        cache_dir: where models are kept, one folder per digest; shared by concurrent fetches.
        digest: ``sha256:<hex>`` of the manifest that is wanted; None takes the one that is there.
        in_place: a ``file://`` folder is verified and used where it is instead of being copied.
        on_bytes: told the size of each piece that was verified or received, from any thread.

    Returns:
        The verified folder.

    Raises:
        ManifestError: no usable manifest, or not the pinned one.
        CorruptFileError: a file isn't what the manifest says; names it.
        InsufficientSpaceError: the model doesn't fit on the cache's disk.
        WeightsError: the place can't be read; says which and why.
    """
    report = on_bytes or (lambda _: None)
    store = _open(uri)
    raw = _read_manifest(store, uri)
    manifest = Manifest.from_bytes(raw, source=f"{uri}/{MANIFEST_NAME}", digest=digest)
    if in_place and (folder := _local_folder(uri)) is not None:
        _verify_folder(folder, manifest, report)
        return folder
    cache_dir.mkdir(parents=True, exist_ok=True)
    identity = digest_of(raw).removeprefix("sha256:")
    final, staging = cache_dir / identity, cache_dir / f".{identity}.partial"
    with _locked(cache_dir / f".{identity}.lock"):
        if final.is_dir():
            with contextlib.suppress(CorruptFileError):
                _verify_folder(final, manifest, report)
                return final
            # Damaged since it was made: fetch it again rather than serve it.
            shutil.rmtree(final)
        staging.mkdir(exist_ok=True)
        _require_space(staging, manifest)
        asyncio.run(_fetch_files(store, uri, manifest, staging, report))
        (staging / MANIFEST_NAME).write_bytes(raw)
        _sync_tree(staging)
        staging.rename(final)
        _sync(cache_dir)
    return final


def publish(folder: Path, uri: str, *, name: str | None = None, replace: bool = False) -> str:
    """Uploads a model folder; what is already there is left alone.

    The manifest goes last: a reader sees either no model, or one whose files are all there.

    Args:
        folder: a model folder; where it has a ``manifest.json``, that has to match the files.
        uri: where to, as for `fetch`.
        name: the model's name where the folder has no manifest yet; the folder's name by default.
        replace: whether another model at ``uri`` may be replaced. Readers of the old one see hash errors
            meanwhile, so a new place per model is better.

    Returns:
        The model's digest, ``sha256:<hex>``.

    Raises:
        ManifestError: the folder is no model, or its manifest is of other files, or ``uri`` holds another model.
        WeightsError: the place can't be written; says which and why.
    """
    manifest = Manifest.of_folder(folder, name=name)
    raw = manifest.to_bytes()
    own = folder / MANIFEST_NAME
    if own.is_file():
        raw = own.read_bytes()
        stated = Manifest.from_bytes(raw, source=str(own))
        if stated.files != manifest.files:
            changed = sorted(
                path for path in {*stated.files, *manifest.files} if stated.files.get(path) != manifest.files.get(path)
            )
            raise ManifestError(f"{own}: does not match the folder's files: {', '.join(changed[:5])}")
    store = _open(uri, create=True)
    present = _existing_manifest(store, uri)
    if present is not None and present != raw and not replace:
        raise ManifestError(
            f"{uri}: holds another model ({digest_of(present)}); publish {digest_of(raw)} to a place of its own, "
            "or ask for the old one to be replaced"
        )
    try:
        for path, entry in manifest.files.items():
            if present != raw or _size_at(store, path) != entry.size_bytes:
                obstore.put(store, path, folder / path)
        if present != raw:
            obstore.put(store, MANIFEST_NAME, raw)
    except (BaseError, OSError) as error:
        raise WeightsError(f"{uri}: can't be written: {_first_line(error)}") from None
    return digest_of(raw)


def _open(uri: str, *, create: bool = False) -> ObjectStore:
    parts = urlsplit(uri)
    if parts.scheme not in _SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in sorted(_SCHEMES))
        raise WeightsError(f"{uri}: unknown kind of place; known are {known}")
    try:
        if (folder := _local_folder(uri)) is not None:
            if not create and not folder.is_dir():
                raise WeightsError(f"{uri}: no such folder")
            return LocalStore(folder, mkdir=create)
        return from_url(uri, retry_config=_retry())
    except (BaseError, OSError, ValueError) as error:
        raise WeightsError(f"{uri}: {_first_line(error)}") from None


def _local_folder(uri: str) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return None
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise WeightsError(f"{uri}: a folder is written file:///absolute/path")
    return Path(unquote(parts.path))


def _retry() -> RetryConfig:
    return {"max_retries": 10, "retry_timeout": timedelta(seconds=_RETRY_S)}


def _read_manifest(store: ObjectStore, uri: str) -> bytes:
    raw = _existing_manifest(store, uri)
    if raw is None:
        raise ManifestError(f"{uri}: holds no {MANIFEST_NAME}; publish the model there first")
    return raw


def _existing_manifest(store: ObjectStore, uri: str) -> bytes | None:
    try:
        found = obstore.get(store, MANIFEST_NAME)
        if found.meta["size"] > MANIFEST_LIMIT_BYTES:
            raise ManifestError(
                f"{uri}/{MANIFEST_NAME}: {found.meta['size']} bytes, at most {MANIFEST_LIMIT_BYTES} are read"
            )
        return bytes(found.bytes())
    except FileNotFoundError:
        return None
    except (BaseError, OSError) as error:
        raise WeightsError(f"{uri}: can't be read: {_first_line(error)}") from None


def _size_at(store: ObjectStore, path: str) -> int | None:
    try:
        return obstore.head(store, path)["size"]
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _locked(path: Path) -> Generator[None]:
    """One fetch of a model at a time on this machine; a killed process gives its lock up by itself."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _verify_folder(folder: Path, manifest: Manifest, report: Callable[[int], None]) -> None:
    """Checks all files, several at once (hashing releases the interpreter's lock)."""

    def verify(item: tuple[str, FileEntry]) -> None:
        path, entry = item
        verify_file(folder / path, entry, name=path)
        report(entry.size_bytes)

    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        for _ in pool.map(verify, manifest.files.items()):
            pass


def _require_space(staging: Path, manifest: Manifest) -> None:
    present = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
    needed = manifest.size_bytes - present + _SPARE_BYTES
    free = shutil.disk_usage(staging).free
    if needed > free:
        raise InsufficientSpaceError(
            f"{staging.parent}: {manifest.name} needs {needed / 1e6:.0f} MB more, {free / 1e6:.0f} MB are free"
        )


async def _fetch_files(
    store: ObjectStore, uri: str, manifest: Manifest, staging: Path, report: Callable[[int], None]
) -> None:
    slots = asyncio.Semaphore(_FILES_AT_ONCE)

    async def one(path: str, entry: FileEntry) -> None:
        async with slots:
            await _fetch_file(store, path, entry, staging / path, report)

    try:
        async with asyncio.TaskGroup() as group:
            for path, entry in manifest.files.items():
                group.create_task(one(path, entry))
    except ExceptionGroup as failures:
        # Those that came later mostly follow from the first.
        raise _told(failures.exceptions[0], uri, staging.parent) from None


def _told(error: Exception, uri: str, cache_dir: Path) -> Exception:
    """What ended a fetch, as this module raises it."""
    match error:
        case WeightsError():
            return error
        case OSError(errno=errno.ENOSPC):
            return InsufficientSpaceError(f"{cache_dir}: the disk became full; what came is kept for the next fetch")
        case BaseError() | OSError():
            return WeightsError(f"{uri}: {_first_line(error)}")
        case _:
            return error


async def _fetch_file(
    store: ObjectStore, path: str, entry: FileEntry, target: Path, report: Callable[[int], None]
) -> None:
    """Fetches one file, going on from what an earlier fetch left."""
    target.parent.mkdir(parents=True, exist_ok=True)
    resumed = await asyncio.to_thread(target.exists)
    try:
        await _receive(store, path, entry, target, report)
    except CorruptFileError:
        await asyncio.to_thread(target.unlink, missing_ok=True)
        if not resumed:
            raise
        # What the earlier fetch left may be at fault: once more, from nothing.
        try:
            await _receive(store, path, entry, target, report)
        except CorruptFileError:
            await asyncio.to_thread(target.unlink, missing_ok=True)
            raise


async def _receive(
    store: ObjectStore, path: str, entry: FileEntry, target: Path, report: Callable[[int], None]
) -> None:
    """Appends what is missing of a file: reads several ranges ahead, hashes in order, writes meanwhile."""
    try:
        size_bytes = (await obstore.head_async(store, path))["size"]
    except FileNotFoundError:
        raise CorruptFileError(f"{path}: the manifest lists it, but it is not there") from None
    if size_bytes != entry.size_bytes:
        raise CorruptFileError(f"{path}: {size_bytes} bytes, the manifest says {entry.size_bytes}")
    hasher, offset = await asyncio.to_thread(_resume, target)
    report(offset)
    pending: list[asyncio.Task[obstore.Bytes]] = []
    starts = iter(range(offset, entry.size_bytes, _RANGE_BYTES))
    try:
        with target.open("ab") as file:
            while True:
                while len(pending) < _RANGES_AHEAD and (start := next(starts, None)) is not None:
                    end = min(start + _RANGE_BYTES, entry.size_bytes)
                    pending.append(asyncio.create_task(_range(store, path, start, end)))
                if not pending:
                    break
                piece = memoryview(await pending.pop(0))
                # Both leave the interpreter's lock alone: one piece is hashed and written at once, and the next come.
                await asyncio.gather(asyncio.to_thread(hasher.update, piece), asyncio.to_thread(_append, file, piece))
                report(len(piece))
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
    if hasher.hexdigest() != entry.sha256:
        raise CorruptFileError(f"{path}: sha256 is {hasher.hexdigest()}, the manifest says {entry.sha256}")


async def _range(store: ObjectStore, path: str, start: int, end: int) -> obstore.Bytes:
    return await obstore.get_range_async(store, path, start=start, end=end)


def _append(file: BufferedWriter, piece: memoryview) -> None:
    """Writes, and from time to time waits for the disk: what it writes meanwhile isn't left for the end."""
    before = file.tell()
    file.write(piece)
    if before // _DURABLE_BYTES < file.tell() // _DURABLE_BYTES:
        file.flush()
        os.fdatasync(file.fileno())


def _resume(target: Path) -> tuple[hashlib._Hash, int]:
    """The hash of what is already there, and its size in bytes."""
    if not target.exists():
        return hashlib.sha256(), 0
    with target.open("rb", buffering=0) as file:
        hasher = hashlib.file_digest(file, "sha256")
        return hasher, file.tell()


def _sync_tree(folder: Path) -> None:
    """Makes files and names durable, so that a power cut can't leave a folder that looks complete."""
    for path in sorted(folder.rglob("*")):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _first_line(error: BaseException) -> str:
    """An object store's error without its debug dump."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
