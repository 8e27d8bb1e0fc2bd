"""Secrets of a stack, looked for where they must not be readable: its state, its history, the simulated accounts.

A secret is whatever the state keeps encrypted under a name that says so, and whatever the project's own types make to
be kept: API keys, private keys.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

_MARKED: Final = "4dabf18193072939515e22adb298388d"
"""The key by which Pulumi's wire format marks a value as special; a secret among others."""
_NAMES_SECRET: Final = re.compile(r"(password|secret|token|private_?key|credential)", re.IGNORECASE)
_MADE_SECRET: Final[Mapping[str, str]] = {
    "modelfleet:access:ApiKey": "key",
    "modelfleet:local:Certificate": "privateKey",
}
_SHORTEST: Final = 12
"""Shorter texts are names and words, found everywhere."""
_MADE_UP: Final = "simulated"
"""What a simulator answers where a cloud would answer a secret says so, and is none."""


def secrets_of(shown: Mapping[str, Any]) -> set[str]:
    """Give the secret texts of a stack.

    Args:
        shown: its checkpoint, exported with secrets in plain text.
    """
    found: set[str] = set()
    for resource in shown["deployment"].get("resources") or ():
        for properties in (resource.get("inputs") or {}, resource.get("outputs") or {}):
            for name, value in properties.items():
                made = _MADE_SECRET.get(resource["type"]) == name
                found.update(_texts(value, named=made or bool(_NAMES_SECRET.search(name)), marked=False))
    return found


def leaks(secrets: Iterable[str], folder: Path, *, outside: Iterable[Path] = ()) -> Iterator[str]:
    """Find secrets in plain text, or in base64, in the files below a folder.

    Args:
        secrets: the texts to look for.
        folder: where to look.
        outside: folders in it to leave out.

    Yields:
        Which file holds one; never the secret itself.
    """
    looked_for = [form for secret in secrets for form in (secret.encode(), base64.b64encode(secret.encode()))]
    left_out = tuple(outside)
    for file in sorted(folder.rglob("*")):
        if file.is_symlink() or not file.is_file() or any(file.is_relative_to(each) for each in left_out):
            continue
        content = file.read_bytes()
        # JSON writes a line's end in two characters.
        plain = content + content.replace(b"\\n", b"\n")
        if any(form in plain for form in looked_for):
            yield f"{file.relative_to(folder)} holds a secret in plain text"


def _texts(value: Any, *, named: bool, marked: bool) -> Iterator[str]:
    match value:
        case {"plaintext": str(inner)} if _MARKED in value:
            yield from _texts(json.loads(inner), named=named, marked=True)
        case Mapping():
            for name, item in value.items():
                yield from _texts(item, named=named or bool(_NAMES_SECRET.search(name)), marked=marked)
        case list():
            for item in value:
                yield from _texts(item, named=named, marked=marked)
        case str() if named and marked and len(value) >= _SHORTEST and _MADE_UP not in value:
            yield value
