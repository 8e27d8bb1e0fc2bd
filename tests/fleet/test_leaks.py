"""Planted secrets are found wherever they are readable, and nothing else is taken for one."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from fleet.leaks import leaks, secrets_of

CANARY = "canary-0123456789abcdef"
MARK = "4dabf18193072939515e22adb298388d"


def secret(value: Any) -> dict[str, str]:
    return {MARK: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(value)}


def shown(kind: str, **outputs: Any) -> dict[str, Any]:
    return {"deployment": {"resources": [{"type": kind, "inputs": {}, "outputs": outputs}]}}


@pytest.mark.parametrize(
    "checkpoint",
    [
        shown("modelfleet:access:ApiKey", key=secret(CANARY)),
        shown("modelfleet:local:Certificate", privateKey=secret(CANARY)),
        shown("aws:rds/instance:Instance", password=secret(CANARY)),
        shown("gcp:sql/user:User", settings=[{"rootPassword": secret(CANARY)}]),
        shown("kubernetes:core/v1:Secret", stringData=secret({"clientSecret": CANARY})),
    ],
    ids=lambda checkpoint: checkpoint["deployment"]["resources"][0]["type"],
)
def test_what_is_secret_by_its_name_or_maker_is_looked_for(checkpoint: dict[str, Any]) -> None:
    assert secrets_of(checkpoint) == {CANARY}


def test_what_is_no_secret_is_not() -> None:
    assert secrets_of(shown("modelfleet:access:ApiKey", keyId=secret("a-name-that-is-long"))) == set()
    assert secrets_of(shown("aws:rds/instance:Instance", password=secret("simulated: not readable"))) == set()
    assert secrets_of(shown("aws:rds/instance:Instance", password=secret("short"))) == set()


@pytest.mark.parametrize(
    "written",
    [
        CANARY.encode(),
        base64.b64encode(CANARY.encode()),
        json.dumps({"outputs": {"key": CANARY}}).encode(),
        b"\x00binary\x00" + CANARY.encode(),
    ],
    ids=["text", "base64", "JSON", "database"],
)
def test_a_planted_secret_is_found_and_not_told(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "state.json").write_bytes(written)
    (tmp_path / "clean.json").write_text("{}")
    (found,) = leaks({CANARY}, tmp_path)
    assert found == "backend/state.json holds a secret in plain text"
    assert list(leaks({CANARY}, tmp_path, outside=(tmp_path / "backend",))) == []


def test_a_key_of_several_lines_is_found_in_json(tmp_path: Path) -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\n-----END PRIVATE KEY-----\n"
    (tmp_path / "state.json").write_text(json.dumps({"key": key}))
    assert list(leaks({key}, tmp_path)) == ["state.json holds a secret in plain text"]
