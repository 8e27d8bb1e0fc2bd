"""OCI image layouts on disk: made from a root file system, read, and packed into one archive, always the same bytes.

Formats: OCI image specification 1.1 (image-layout, manifest, config, descriptor).
"""

import datetime as dt
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain.images.errors import ArchiveError

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
# What containerd names an image that it imports.
_CONTAINERD_NAME = "io.containerd.image.name"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Descriptor:
    """A pointer to a blob."""

    media_type: str
    digest: str
    size_bytes: int

    @classmethod
    def parse(cls, value: dict[str, Any]) -> "Descriptor":
        """Read it from a manifest's or index's JSON."""
        return cls(value["mediaType"], value["digest"], value["size"])

    def as_json(self) -> dict[str, Any]:
        """Return its JSON form."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size_bytes}


@dataclass(frozen=True)
class Manifest:
    """The one image of a layout."""

    descriptor: Descriptor
    config: Descriptor
    layers: tuple[Descriptor, ...]

    @property
    def size_bytes(self) -> int:
        """What a registry stores and a node pulls: manifest, config and compressed layers."""
        return sum(d.size_bytes for d in (self.descriptor, self.config, *self.layers))


def blob_path(layout: Path, digest: str) -> Path:
    """Return where a layout keeps a blob."""
    algorithm, _, encoded = digest.partition(":")
    return layout / "blobs" / algorithm / encoded


def read_manifest(layout: Path) -> Manifest:
    """Read the manifest of a layout that holds one image.

    Raises:
        ArchiveError: there is no image in it, or more than one.
    """
    try:
        index = json.loads((layout / "index.json").read_bytes())
        (entry,) = index["manifests"]
        descriptor = Descriptor.parse(entry)
        content = json.loads(blob_path(layout, descriptor.digest).read_bytes())
        return Manifest(
            descriptor,
            Descriptor.parse(content["config"]),
            tuple(Descriptor.parse(layer) for layer in content["layers"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArchiveError(f"{layout} is no OCI layout of one image: {error}") from error


def write_single_layer(layout: Path, root_tar: Path, *, epoch_s: int, comment: str, environment: list[str]) -> Manifest:
    """Write a layout of one image with one layer, a tar archive of its root file system."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    plain = hashlib.sha256()
    compressed_path = blobs / ".layer"
    with (
        root_tar.open("rb") as source,
        compressed_path.open("wb") as raw,
        # mtime=0 and no name: gzip's header would otherwise hold both.
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as target,
    ):
        for chunk in iter(lambda: source.read(_CHUNK), b""):
            plain.update(chunk)
            target.write(chunk)
    with compressed_path.open("rb") as file:
        digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    layer = Descriptor(_LAYER_TYPE, digest, compressed_path.stat().st_size)
    compressed_path.rename(blob_path(layout, digest))
    created = _rfc3339(epoch_s)
    config = _write_json_blob(
        layout,
        _CONFIG_TYPE,
        {
            "created": created,
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": environment},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{plain.hexdigest()}"]},
            "history": [{"created": created, "comment": comment}],
        },
    )
    manifest = _write_json_blob(
        layout,
        MANIFEST_TYPE,
        {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config.as_json(), "layers": [layer.as_json()]},
    )
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    annotations = {"org.opencontainers.image.ref.name": "base"}
    _write_index(layout, manifest, annotations)
    return Manifest(manifest, config, (layer,))


def pack(layout: Path, manifest: Manifest, archive: Path, *, name: str) -> None:
    """Write a layout as one archive, under the name that containerd is to give the image when it imports it."""
    _write_index(layout, manifest.descriptor, {_CONTAINERD_NAME: name, "org.opencontainers.image.ref.name": name})
    members = [layout / "oci-layout", layout / "index.json"]
    members += [blob_path(layout, d.digest) for d in (manifest.descriptor, manifest.config, *manifest.layers)]
    with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as tar:
        for member in dict.fromkeys(members):  # an image may have one layer twice
            entry = tarfile.TarInfo(member.relative_to(layout).as_posix())
            entry.size = member.stat().st_size
            with member.open("rb") as content:
                tar.addfile(entry, content)


def unpack(archive: Path, layout: Path) -> Manifest:
    """Unpack an archive that ``pack`` wrote, checking every blob.

    Raises:
        ArchiveError: the archive is damaged.
    """
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(layout, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise ArchiveError(f"{archive} can't be read: {error}; build the image again") from error
    manifest = read_manifest(layout)
    for descriptor in (manifest.descriptor, manifest.config, *manifest.layers):
        path = blob_path(layout, descriptor.digest)
        with path.open("rb") as file:
            if f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" != descriptor.digest:
                raise ArchiveError(f"{archive}: blob {descriptor.digest} is damaged; build the image again")
    return manifest


def without_builder_traces(layout: Path) -> Manifest:
    """Remove from a layout what tells where it was built, not what it holds; return the new manifest.

    buildah's history comments name folders and intermediate images of the machine that built, so two machines would
    give two digests for the same content.

    Raises:
        ArchiveError: the layout doesn't hold one image.
    """
    old = read_manifest(layout)
    config = read_config(layout, old)
    for step in config.get("history", []):
        step.pop("comment", None)
    return amended(layout, old, config)


def amended(layout: Path, old: Manifest, config: dict[str, Any], layers: tuple[Descriptor, ...] = ()) -> Manifest:
    """Give an image of a layout another configuration, and layers above its own; return the new manifest.

    Args:
        layout: where it is.
        old: its manifest.
        config: the whole configuration; it names the added layers too.
        layers: descriptors of blobs that the layout has.
    """
    new_config = _write_json_blob(layout, old.config.media_type, config)
    content = json.loads(blob_path(layout, old.descriptor.digest).read_bytes())
    content["config"] = new_config.as_json()
    content["layers"] += [layer.as_json() for layer in layers]
    content["mediaType"] = old.descriptor.media_type
    content.pop("annotations", None)
    descriptor = _write_json_blob(layout, old.descriptor.media_type, content)
    _write_index(layout, descriptor, {})
    return Manifest(descriptor, new_config, (*old.layers, *layers))


def write_layer(layout: Path, files: Mapping[str, bytes], *, epoch_s: int) -> tuple[Descriptor, str]:
    """Write a layer of a few files (0644, root's), and return its descriptor and the digest of what it unpacks to.

    Args:
        layout: where to.
        files: contents by path from the root, without a slash before it.
        epoch_s: time stamp of each.
    """
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o644, epoch_s
            tar.addfile(entry, io.BytesIO(content))
    packed = gzip.compress(plain.getvalue(), compresslevel=6, mtime=0)
    digest = f"sha256:{hashlib.sha256(packed).hexdigest()}"
    blob_path(layout, digest).write_bytes(packed)
    return Descriptor(_LAYER_TYPE, digest, len(packed)), f"sha256:{hashlib.sha256(plain.getvalue()).hexdigest()}"


def read_config(layout: Path, manifest: Manifest) -> dict[str, Any]:
    """Return the image's configuration."""
    return json.loads(blob_path(layout, manifest.config.digest).read_bytes())


def _write_json_blob(layout: Path, media_type: str, value: dict[str, Any]) -> Descriptor:
    content = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    blob_path(layout, digest).write_bytes(content)
    return Descriptor(media_type, digest, len(content))


def _write_index(layout: Path, manifest: Descriptor, annotations: dict[str, str]) -> None:
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {
                **manifest.as_json(),
                "platform": {"architecture": "amd64", "os": "linux"},
                "annotations": annotations,
            }
        ],
    }
    (layout / "index.json").write_text(json.dumps(index, sort_keys=True))


def _rfc3339(epoch_s: int) -> str:
    return dt.datetime.fromtimestamp(epoch_s, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
