"""The id under which one request is found in every log on its way."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADER = b"x-request-id"
# What a client may choose: it ends up in logs and in headers, so nothing that could break either.
_ACCEPTABLE = re.compile(rb"[A-Za-z0-9._-]{1,128}")


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The id that the caller gave, if it is a fit one, else a new one."""
    for name, value in headers:
        if name == HEADER and _ACCEPTABLE.fullmatch(value):
            return value.decode("ascii")
    return uuid.uuid4().hex
