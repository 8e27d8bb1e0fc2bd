"""Publishes a model's folder into this machine's bucket, whole: every file's hash checked, what is damaged anew.

A file of its own, imported when weights are published: a preview looks at sizes and times of files, and does without
the manifest's validation and the library of object stores.
"""

from pathlib import Path

from service.weights.manifest import (
    MANIFEST_NAME,
    CorruptFileError,
    Manifest,
    ManifestError,
    WeightsError,
    verify_file,
)
from service.weights.store import publish
from toolchain.errors import ToolchainError
from toolchain.modelfleet_provider.resource_type import InputError, Progress


def publish_whole(source: Path, folder: Path, progress: Progress) -> None:
    """Bring a folder of the bucket to what the source's manifest says.

    Raises:
        InputError: the source isn't what its manifest says.
        ToolchainError: the folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _withdraw_damaged(source, folder, progress)
        publish(source, folder.as_uri())
    except (ManifestError, CorruptFileError) as error:
        raise InputError("source", f"{error}; bring {source} back to what its manifest.json says") from error
    except WeightsError as error:
        raise ToolchainError(str(error)) from error


def _withdraw_damaged(source: Path, folder: Path, progress: Progress) -> None:
    """Make a damaged folder one without a manifest, which is no model, and which publishing writes whole."""
    manifest, published = source / MANIFEST_NAME, folder / MANIFEST_NAME
    raw = manifest.read_bytes()
    try:
        intact = published.read_bytes() == raw
        published_ns = published.stat().st_ctime_ns
    except FileNotFoundError:
        return
    for name, entry in Manifest.from_bytes(raw, source=str(manifest)).files.items():
        try:
            verify_file(folder / name, entry, name=name)
            # What was only touched is written again too, so that it is older than the manifest.
            intact &= (folder / name).stat().st_ctime_ns <= published_ns
        except CorruptFileError as error:
            progress(f"damaged, published anew: {error}")
            intact = False
    if not intact:
        published.unlink()
