"""How parts of an answer are written as JSON."""

from __future__ import annotations

import json


def json_bytes(content: object) -> bytes:
    """JSON without blanks, in UTF-8."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
