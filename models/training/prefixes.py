"""Function prefixes: a function's head with its docstring, as somebody would hand it to a completion model."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from models.training.documents import Document, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 600
"""Characters; leaves most of the context to the body."""


def prefix(text: str) -> str | None:
    """The part of a function's text before its first statement, docstring and decorators included, no line break after.

    None for what isn't one function, and for a longer prefix than `LONGEST`.
    """
    (node, *more) = ast.parse(text).body
    if more or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    first = node.body[0]
    is_docstring = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    last_line = (first.end_lineno or first.lineno) if is_docstring else first.lineno - 1
    if is_docstring and len(node.body) == 1:
        return None
    found = "\n".join(text.split("\n")[:last_line]).rstrip()
    return found if len(found) <= LONGEST else None


def choose(held_out: Iterable[Document], count: int) -> list[tuple[Document, str]]:
    """Held-out functions and their prefixes: the first `count` in the order of their keys, which are hashes."""
    functions = sorted((one for one in held_out if one.kind is Kind.FUNCTION), key=lambda one: one.key)
    found: list[tuple[Document, str]] = []
    for document in functions:
        if len(found) == count:
            break
        if (text := prefix(document.text)) is not None:
            found.append((document, text))
    return found
