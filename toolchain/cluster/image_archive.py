"""Image archives without a registry or a container engine: one binary in one layer, as an OCI archive.

The same binary gives the same bytes, and so the same digest, on every machine.
"""

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain.cluster.errors import ImageError

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIGURATION = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_EPOCH = "1970-01-01T00:00:00Z"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Blob:
    digest: str
    size: int

    def descriptor(self, media_type: str) -> dict[str, Any]:
        return {"mediaType": media_type, "digest": f"sha256:{self.digest}", "size": self.size}


def write_binary_image(binary: bytes, name: str, archive: Path, *, user: str = "65532:65532") -> str:
    """Write an image that runs one static binary as ``/<name>``, and return its digest (``sha256:…``).

    Raises:
        OSError: the archive can't be written.
    """
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(binary), 0o755
        tar.addfile(entry, io.BytesIO(binary))
    layer_bytes = layer.getvalue()
    layer_blob = _blob(layer_bytes)
    configuration = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": _EPOCH,
            "config": {"Entrypoint": [f"/{name}"], "User": user},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_blob.digest}"]},
            "history": [{"created": _EPOCH}],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _blob(configuration).descriptor(_CONFIGURATION),
            "layers": [layer_blob.descriptor(_LAYER)],
        }
    )
    index = _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [_blob(manifest).descriptor(_MANIFEST)]})
    half = archive.with_name(f"{archive.name}.new")
    with tarfile.open(half, "w") as tar:
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", index)
        for content in (manifest, configuration, layer_bytes):
            _add(tar, f"blobs/sha256/{_blob(content).digest}", content)
    half.replace(archive)
    return f"sha256:{_blob(manifest).digest}"


def archive_digest(archive: Path) -> str:
    """Return the digest of the one image in an OCI archive; an empty string for a Docker archive, which names none.

    Raises:
        ImageError: it is neither, or holds several images.
    """
    try:
        with tarfile.open(archive) as tar:
            names = {name.removeprefix("./"): name for name in tar.getnames()}
            if "index.json" not in names:
                if "manifest.json" in names:
                    return ""
                raise ImageError(f"{archive} is no image archive: it has neither index.json nor manifest.json")
            file = tar.extractfile(names["index.json"])
            index = json.load(file) if file is not None else {}
    except FileNotFoundError:
        raise ImageError(f"there is no image archive {archive}") from None
    except (tarfile.TarError, json.JSONDecodeError, OSError) as error:
        raise ImageError(f"{archive} can't be read as an image archive: {error}; make it again") from None
    manifests = index.get("manifests", [])
    if len(manifests) != 1:
        raise ImageError(f"{archive} holds {len(manifests)} images; an archive with one is needed")
    return manifests[0]["digest"]


def file_digest(path: Path) -> str:
    """Return a file's sha256 in hexadecimal.

    Raises:
        OSError: it can't be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _blob(content: bytes) -> _Blob:
    return _Blob(hashlib.sha256(content).hexdigest(), len(content))


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
