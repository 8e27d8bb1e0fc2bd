from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.weights.manifest import Manifest, ManifestError

if TYPE_CHECKING:
    from pathlib import Path

_ENTRY = {"size_bytes": 1, "sha256": "a" * 64}


def raw(**changes: object) -> bytes:
    return json.dumps({"schema": 1, "name": "m", "files": {"config.json": _ENTRY}} | changes).encode()


def test_measures_a_folder_and_comes_back_the_same(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.bin").write_bytes(b"b" * 10)
    (tmp_path / "a.json").write_bytes(b"{}")
    (tmp_path / ".hidden").write_bytes(b"no")
    manifest = Manifest.of_folder(tmp_path, name="m")
    assert list(manifest.files) == ["a.json", "sub/b.bin"]
    assert manifest.files["sub/b.bin"].sha256 == hashlib.sha256(b"b" * 10).hexdigest()
    assert manifest.size_bytes == 12
    encoded = manifest.to_bytes()
    assert encoded.endswith(b"}\n")
    assert manifest.digest == f"sha256:{hashlib.sha256(encoded).hexdigest()}"
    (tmp_path / "manifest.json").write_bytes(encoded)
    assert Manifest.of_folder(tmp_path, name="m") == manifest
    assert Manifest.from_bytes(encoded, source="m", digest=manifest.digest) == manifest


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/../b", "a//b", "./a", "", ".", "a\\b", "a\0b", "manifest.json", "a/"]
)
def test_paths_that_leave_the_folder_are_refused(path: str) -> None:
    with pytest.raises(ManifestError, match="plain relative path"):
        Manifest.from_bytes(raw(files={path: _ENTRY}), source="m")


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 2},
        {"name": "../m"},
        {"files": {}},
        {"files": {"a": {"size_bytes": -1, "sha256": "a" * 64}}},
        {"files": {"a": {"size_bytes": 1, "sha256": "A" * 64}}},
        {"more": 1},
    ],
)
def test_malformed_manifests_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ManifestError):
        Manifest.from_bytes(raw(**changes), source="m")


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(content: bytes) -> None:
    with pytest.raises(ManifestError):
        Manifest.from_bytes(content, source="m")


def test_another_digest_is_refused_with_both() -> None:
    wanted = "sha256:" + "0" * 64
    with pytest.raises(ManifestError, match=wanted):
        Manifest.from_bytes(raw(), source="m", digest=wanted)
