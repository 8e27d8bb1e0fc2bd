"""Credentials are found where container tools keep them."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from toolchain.images.docker_config import credentials_of
from toolchain.images.errors import RegistryError


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


def write(file: Path, **content: Any) -> None:
    file.write_text(json.dumps(content))


def test_a_login_is_read(config: Path) -> None:
    assert credentials_of("registry.example:5000") is None
    write(config, auths={"registry.example:5000": {"auth": b64encode(b"me:a:secret").decode()}})
    assert credentials_of("registry.example:5000") == ("me", "a:secret")
    assert credentials_of("registry.example") is None


def test_the_hub_has_its_old_name(config: Path) -> None:
    write(config, auths={"https://index.docker.io/v1/": {"auth": b64encode(b"me:secret").decode()}})
    assert credentials_of("docker.io") == ("me", "secret")


def helper(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    file = folder / "docker-credential-own"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_a_helper_is_asked(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(
        config.parent,
        monkeypatch,
        'read server; test "$1 $server" = "get one.example" && echo \'{"Username": "me", "Secret": "s"}\' && exit 0\n'
        'echo "credentials not found in native keychain"; exit 1',
    )
    write(config, credsStore="own")
    assert credentials_of("one.example") == ("me", "s")
    assert credentials_of("two.example") is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "can't be read"),
        ('{"auths": {"a.example": {"auth": "%%"}}}', "log in again"),
        ('{"credHelpers": {"a.example": "absent"}}', "docker-credential-absent keeps the credentials"),
    ],
)
def test_what_is_wrong_is_told(config: Path, content: str, told: str) -> None:
    config.write_text(content)
    with pytest.raises(RegistryError, match=told):
        credentials_of("a.example")


def test_a_helper_that_fails_is_told(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(config.parent, monkeypatch, "echo locked >&2; exit 1")
    write(config, credHelpers={"a.example": "own"})
    with pytest.raises(RegistryError, match=r"gives no credentials of a\.example: locked"):
        credentials_of("a.example")
