"""The throw-away state by which clouds are asked: what it is given, secrets too, is what it holds."""

from pathlib import Path

import pytest

from fleet.engine import Engine
from fleet.inventory.scratch import ScratchStack
from fleet.inventory.suspects import revealed
from toolchain.flavour import Flavour
from toolchain.provider.properties import SECRET_SIGNATURE, SIGNATURE_KEY
from toolchain.pulumi_home import pulumi_environment


def test_it_holds_what_has_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path / "state"))
    (tmp_path / "backend").mkdir()
    engine = Engine({**pulumi_environment(Flavour.BUILT), "PULUMI_BACKEND_URL": (tmp_path / "backend").as_uri()})
    certificate = {
        "urn": "urn:pulumi:test::project::a:b:Certificate::one",
        "type": "a:b:Certificate",
        "custom": True,
        "id": "one",
        "inputs": {"privateKey": {SIGNATURE_KEY: SECRET_SIGNATURE, "plaintext": '"a key"'}},
    }
    with ScratchStack.beside(engine, "test", "project", tmp_path / "scratch") as scratch:
        scratch.hold([certificate], [])
        [held] = scratch.held()
        stored = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "scratch").rglob("test.json"))
    assert revealed(held["inputs"]) == {"privateKey": "a key"}
    assert "ciphertext" in stored
    assert "a key" not in stored
    assert not list((tmp_path / "scratch").iterdir())
