"""What a model folder holds: each file's size and SHA-256, and the digest that names the whole.

The manifest is canonical JSON, so that the same files have the same digest wherever it is computed. The digest
is all that a deployment needs to pin: it covers the manifest, and the manifest covers every byte.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

MANIFEST_NAME = "manifest.json"
# Far above any real one (a 1,000-shard model has about 150 KB), far below what would hurt.
MANIFEST_LIMIT_BYTES = 4 * 1024 * 1024


class WeightsError(Exception):
    """A model can't be had as it should be; the message names the place, the file and what would be right."""


class ManifestError(WeightsError):
    """The manifest is missing, malformed or not the one that was asked for."""


class CorruptFileError(WeightsError):
    """A file's size or SHA-256 isn't what the manifest says."""


def _relative(path: str) -> str:
    """Refuses what could name a file outside the model's folder, or the same file by two names."""
    parts = PurePosixPath(path).parts
    if (
        not parts
        or path.startswith("/")
        or "/".join(parts) != path
        or ".." in parts
        or "\\" in path
        or "\0" in path
        or path == MANIFEST_NAME
    ):
        raise ValueError(f"{path!r} is no plain relative path inside the model's folder")
    return path


FilePath = Annotated[str, AfterValidator(_relative)]


class FileEntry(BaseModel):
    """One file of a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """The files of a model, by their path inside its folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = Field(default=1, alias="schema")
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")
    files: dict[FilePath, FileEntry] = Field(min_length=1)

    def to_bytes(self) -> bytes:
        """Canonical JSON: sorted keys, two spaces of indentation, one newline at the end."""
        return (json.dumps(self.model_dump(by_alias=True), sort_keys=True, indent=2) + "\n").encode()

    @property
    def digest(self) -> str:
        """``sha256:<hex>`` of the canonical bytes."""
        return digest_of(self.to_bytes())

    @property
    def size_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size_bytes for entry in self.files.values())

    @classmethod
    def from_bytes(cls, raw: bytes, *, source: str, digest: str | None = None) -> Manifest:
        """Parses and checks a manifest.

        Args:
            raw: the bytes of ``manifest.json``.
            source: where they come from, for messages.
            digest: what ``raw`` must hash to, as ``sha256:<hex>``; None accepts any.

        Raises:
            ManifestError: not the pinned one, no manifest, or one that names files outside its folder.
        """
        actual = digest_of(raw)
        if digest is not None and actual != digest:
            raise ManifestError(f"{source}: the manifest's digest is {actual}, but {digest} was asked for")
        try:
            return cls.model_validate_json(raw)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(str(part) for part in problem['loc']) or 'manifest'}: {problem['msg']}"
                for problem in error.errors(include_url=False, include_input=False)[:3]
            )
            raise ManifestError(f"{source}: {problems}") from None

    @classmethod
    def of_folder(cls, folder: Path, *, name: str | None = None) -> Manifest:
        """Measures the files of a folder. Hidden files and an existing manifest are left out.

        Raises:
            ManifestError: the folder is missing or empty, or holds a link or another non-file.
        """
        if not folder.is_dir():
            raise ManifestError(f"{folder}: no such model folder")
        files: dict[str, FileEntry] = {}
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if any(part.startswith(".") for part in relative.parts) or relative.as_posix() == MANIFEST_NAME:
                continue
            if path.is_dir() and not path.is_symlink():
                continue
            if not path.is_file():
                raise ManifestError(f"{path}: not a regular file; a model folder holds plain files only")
            files[relative.as_posix()] = FileEntry(size_bytes=path.stat().st_size, sha256=sha256_of(path))
        if not files:
            raise ManifestError(f"{folder}: the model folder is empty")
        try:
            return cls(name=name or folder.resolve().name, files=files)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            raise ManifestError(f"{folder}: {problem['loc'][0]}: {problem['msg']}") from None


def digest_of(raw: bytes) -> str:
    """``sha256:<hex>`` of some bytes."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def sha256_of(path: Path) -> str:
    """The hex SHA-256 of a file."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_file(path: Path, entry: FileEntry, *, name: str) -> None:
    """Checks one local file.

    Raises:
        CorruptFileError: missing, not a plain file, or of another size or SHA-256; names the file.
        WeightsError: it can't be read (the disk is broken, say); names it too.
    """
    try:
        if path.is_symlink() or not path.is_file():
            raise CorruptFileError(f"{name}: the manifest lists it, but {path} is no regular file")
        size_bytes = path.stat().st_size
        if size_bytes != entry.size_bytes:
            raise CorruptFileError(f"{name}: {size_bytes} bytes, the manifest says {entry.size_bytes}")
        actual = sha256_of(path)
    except OSError as error:
        raise WeightsError(f"{name}: {path} can't be read: {error.strerror}") from None
    if actual != entry.sha256:
        raise CorruptFileError(f"{name}: sha256 is {actual}, the manifest says {entry.sha256}")
