"""An audit says what is known, and never that nothing is where nobody could be asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from toolchain.images import dependencies
from toolchain.images.audit import Vulnerability, audit
from toolchain.images.errors import AuditError


def answering(folder: Path, monkeypatch: pytest.MonkeyPatch, output: str, status: int = 0) -> Path:
    """Put a program in pip-audit's place that prints what it would, and writes down what it was asked."""
    uv = folder / "uv"
    uv.write_text(f'#!/bin/sh\necho "$@" > {folder}/asked\ncat {folder}/output\necho noise >&2\nexit {status}\n')
    uv.chmod(0o755)
    (folder / "output").write_text(output)
    monkeypatch.setattr(dependencies, "find_uv", lambda: uv)
    monkeypatch.setattr(dependencies, "requirements", lambda *_, **__: "one==1.0\ntwo==2.0\n")
    return folder / "asked"


def report(*found: dict[str, Any]) -> str:
    return json.dumps({"dependencies": list(found), "fixes": []})


ONE = {"name": "one", "version": "1.0", "vulns": []}


def test_what_is_known_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = {"id": "PYSEC-2026-1", "fix_versions": ["2.1"], "description": "It breaks.", "aliases": []}
    bad = {"name": "two", "version": "2.0", "vulns": [fault]}
    asked = answering(tmp_path, monkeypatch, report(ONE, bad), status=1)
    assert audit("gateway", service="osv") == [Vulnerability("two 2.0", "PYSEC-2026-1", ("2.1",))]
    assert "--require-hashes --disable-pip" in asked.read_text()
    assert "--vulnerability-service osv" in asked.read_text()


def test_a_clean_one_has_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(tmp_path, monkeypatch, report(ONE))
    assert audit("gateway") == []


def test_a_package_that_nobody_could_look_up_is_not_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = {"name": "two", "skip_reason": "Dependency not found on PyPI and could not be audited: two (2.0)"}
    answering(tmp_path, monkeypatch, report(ONE, unknown))
    with pytest.raises(AuditError, match=r"1 of 2 packages of image 'gateway' could not be looked up by pypi \(two"):
        audit("gateway")


def test_a_failure_of_the_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(tmp_path, monkeypatch, "", status=2)
    with pytest.raises(AuditError, match="noise"):
        audit("gateway")
