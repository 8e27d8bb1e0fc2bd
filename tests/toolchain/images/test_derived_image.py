"""An image made of another one: what is different, and what isn't."""

import tarfile
from pathlib import Path

from tests.toolchain.images.tiny_image import CONFIG, make_image
from toolchain.images import BuiltImage, oci_layout
from toolchain.images.derived_image import Change, derive

PROGRAM = "opt/modelfleet/program.py"


def opened(archive: Path, layout: Path) -> tuple[oci_layout.Manifest, dict]:
    manifest = oci_layout.unpack(archive, layout)  # checks every digest
    return manifest, oci_layout.read_config(layout, manifest)


def base(folder: Path) -> BuiltImage:
    return make_image(folder / "cache", {"etc/os-release": "ID=debian\n"})


def test_another_label_is_another_digest_of_the_same_layers(tmp_path: Path) -> None:
    image = base(tmp_path)
    before = image.archive.read_bytes()
    derived = derive(image, Change({"drill": "1"}), name="drill-server", archive=tmp_path / "derived.tar")
    assert derived.reference.startswith("modelfleet.local/drill-server@sha256:")
    assert not derived.reference.endswith(image.digest)
    old, _ = opened(image.archive, tmp_path / "old")
    new, config = opened(derived.archive, tmp_path / "new")
    assert derived.reference.endswith(new.descriptor.digest)
    assert new.layers == old.layers
    assert config["config"]["Labels"] == {**CONFIG["Labels"], "drill": "1"}
    assert config["config"]["Entrypoint"] == CONFIG["Entrypoint"]
    assert image.archive.read_bytes() == before


def test_a_layer_above(tmp_path: Path) -> None:
    change = Change({}, {PROGRAM: b"print('planted')\n"}, ("/usr/bin/python3", f"/{PROGRAM}", "slow"))
    image = base(tmp_path)
    first, again = (
        derive(image, change, name="drill-server", archive=tmp_path / f"{name}.tar") for name in ("first", "again")
    )
    assert first.reference == again.reference
    old, _ = opened(image.archive, tmp_path / "old")
    new, config = opened(first.archive, tmp_path / "new")
    assert new.layers[:-1] == old.layers
    assert config["config"]["Entrypoint"] == list(change.entrypoint or ())
    assert len(config["rootfs"]["diff_ids"]) == len(new.layers)
    with tarfile.open(oci_layout.blob_path(tmp_path / "new", new.layers[-1].digest)) as layer:
        (entry,) = layer.getmembers()
        file = layer.extractfile(entry)
        assert (entry.name, entry.mode, entry.uid) == (PROGRAM, 0o644, 0)
        assert file is not None
        assert file.read() == b"print('planted')\n"
