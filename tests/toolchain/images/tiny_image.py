"""An image of a few files, as `build` leaves one: made in a moment, so that tests can make wrong ones too."""

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from toolchain.images import BuiltImage, oci_layout
from toolchain.images.oci_layout import Descriptor, Manifest

LABELS = {
    f"org.opencontainers.image.{name}": "1" for name in ("title", "description", "licenses", "version", "base.digest")
}
CONFIG: dict[str, Any] = {"User": "65532:65532", "Entrypoint": ["/usr/bin/python3", "-m", "x"], "Labels": LABELS}
STATUS = "Package: libc6\nStatus: install ok installed\nVersion: 2.36-9+deb12u9\n\nPackage: tzdata\nVersion: 2025b-0\n"
PYTHON = "opt/modelfleet/site-packages"


def metadata(name: str, version: str, license_: str = "MIT") -> str:
    return f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: {license_}\n\nText.\n"


FILES = {
    "usr/bin/python3": "",
    "var/lib/dpkg/status": STATUS,
    f"{PYTHON}/Typing_Thing-1.0.dist-info/METADATA": metadata("Typing_Thing", "1.0"),
    f"{PYTHON}/setuptools/_vendor/brought-2.0.dist-info/METADATA": metadata("brought", "2.0"),
}
"""What a good image holds; the lock pins `typing-thing==1.0`."""


def make_image(cache: Path, files: Mapping[str, str], config: Mapping[str, Any] | None = None) -> BuiltImage:
    """Make an image named `gateway` in a cache folder, one zstd layer, where `list_built` finds it."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name.removeprefix("setuid:"))
            entry.mode = 0o4755 if name.startswith("setuid:") else 0o755
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    packed = subprocess.run(["zstd", "-cq"], input=plain.getvalue(), capture_output=True, check=True).stdout
    folder = cache / "images" / f"gateway-{hashlib.sha256(packed).hexdigest()[:24]}"
    layout = cache / "layout"
    (layout / "blobs/sha256").mkdir(parents=True, exist_ok=True)
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(media_type: str, content: bytes) -> Descriptor:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        oci_layout.blob_path(layout, digest).write_bytes(content)
        return Descriptor(media_type, digest, len(content))

    layer = blob("application/vnd.oci.image.layer.v1.tar+zstd", packed)
    diff = f"sha256:{hashlib.sha256(plain.getvalue()).hexdigest()}"
    described = {
        "architecture": "amd64",
        "os": "linux",
        "config": dict(CONFIG if config is None else config),
        "rootfs": {"type": "layers", "diff_ids": [diff]},
    }
    settings = blob("application/vnd.oci.image.config.v1+json", json.dumps(described).encode())
    content = {
        "schemaVersion": 2,
        "mediaType": oci_layout.MANIFEST_TYPE,
        "config": settings.as_json(),
        "layers": [layer.as_json()],
    }
    manifest = Manifest(blob(oci_layout.MANIFEST_TYPE, json.dumps(content).encode()), settings, (layer,))
    folder.mkdir(parents=True)
    digest = manifest.descriptor.digest
    reference = f"modelfleet.local/gateway@{digest}"
    oci_layout.pack(layout, manifest, folder / "image.tar", name=reference)
    image = BuiltImage(
        "gateway",
        reference,
        digest,
        folder / "image.tar",
        manifest.size_bytes,
        "sha256:" + "a" * 64,
        "sha256:" + "b" * 64,
    )
    record = asdict(image) | {"archive": "image.tar", "archive_bytes": (folder / "image.tar").stat().st_size}
    (folder / "image.json").write_text(json.dumps(record))
    return image
