"""A state backend that is a folder: the engine keeps states, locks and history in files that can be read without it."""

from pathlib import Path
from urllib.parse import unquote, urlparse


def folder_of(backend: str) -> Path | None:
    """Give the folder that holds all of a file backend; None for a backend of another kind.

    Args:
        backend: its URL, ``file://…`` for instance.
    """
    url = urlparse(backend)
    return Path(unquote(url.path)) / ".pulumi" if url.scheme == "file" else None
