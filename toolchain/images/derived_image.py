"""An image that is another one but for a label, or for one layer above: made in a second, without a builder.

Drills and tests need releases that differ in nothing but their digest, and releases with one fault.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from toolchain.images import oci_layout
from toolchain.images.built_image import LOCAL_REGISTRY, BuiltImage
from toolchain.images.recipe import source_date_epoch


@dataclass(frozen=True)
class Change:
    """What is different.

    Attributes:
        labels: labels that are set besides, or in place of the image's own.
        files: what its layer holds, by path from the root without a slash before it; empty for none.
        entrypoint: the command in place of the image's own; None keeps that.
    """

    labels: Mapping[str, str]
    files: Mapping[str, bytes] = field(default_factory=dict)
    entrypoint: tuple[str, ...] | None = None


@dataclass(frozen=True)
class DerivedImage:
    """An image on this disk that no recipe makes.

    Attributes:
        reference: what a pod names, by digest.
        archive: an OCI archive that holds it under that name.
    """

    reference: str
    archive: Path


def derive(base: BuiltImage, change: Change, *, name: str, archive: Path) -> DerivedImage:
    """Make an image from another one.

    Args:
        base: the image to begin with; it stays as it is.
        change: what is to be different. The same change of the same image gives the same digest.
        name: the new one's, in the local registry.
        archive: the file to write.

    Raises:
        ArchiveError: the base's archive is damaged.
        OSError: there is no room for another one.
    """
    with tempfile.TemporaryDirectory(prefix=".derived-", dir=archive.parent) as scratch:
        layout = Path(scratch)
        manifest = oci_layout.unpack(base.archive, layout)
        config = oci_layout.read_config(layout, manifest)
        runtime = config["config"]
        runtime["Labels"] = {**(runtime.get("Labels") or {}), **change.labels}
        if change.entrypoint is not None:
            runtime["Entrypoint"] = list(change.entrypoint)
        layers: tuple[oci_layout.Descriptor, ...] = ()
        if change.files:
            layer, plain_digest = oci_layout.write_layer(layout, change.files, epoch_s=source_date_epoch())
            layers = (layer,)
            config["rootfs"]["diff_ids"].append(plain_digest)
            config.setdefault("history", []).append({"created_by": "derived"})
        derived = oci_layout.amended(layout, manifest, config, layers)
        reference = f"{LOCAL_REGISTRY}/{name}@{derived.descriptor.digest}"
        oci_layout.pack(layout, derived, archive, name=reference)
    return DerivedImage(reference, archive)
