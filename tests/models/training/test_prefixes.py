from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.training.completion import Completion
from models.training.prefixes import LONGEST, choose, prefix

if TYPE_CHECKING:
    from models.training.corpus import Corpus


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(a):\n    return a\n", "def f(a):"),
        ('def f(a):\n    """Say."""\n    return a\n', 'def f(a):\n    """Say."""'),
        (
            "@cache\ndef f(\n    a,\n) -> int:\n\n    # why\n    return a\n",
            "@cache\ndef f(\n    a,\n) -> int:\n\n    # why",
        ),
        ("async def f():\n    await g()\n", "async def f():"),
        ('def f():\n    """Only words."""\n', None),
        ("class A:\n    x = 1\n", None),
        ("def f():\n    return 1\ndef g():\n    return 2\n", None),
        (f"def f(a={'b' * LONGEST}):\n    return a\n", None),
    ],
)
def test_prefix(text: str, expected: str | None) -> None:
    assert prefix(text) == expected


def test_the_choice_is_the_same_every_time_and_from_functions_alone(small_corpus: Corpus) -> None:
    chosen = choose(small_corpus.training, 10)
    assert len(chosen) == 10
    assert chosen == choose(reversed(small_corpus.training), 10)
    assert chosen[:5] == choose(small_corpus.training, 5)
    for document, text in chosen:
        assert document.text.startswith(text)
        assert len(document.text) > len(text) + 1


@pytest.mark.parametrize(
    ("text", "parses"),
    [
        ("\n    return 1\n", True),
        ("\n    return (1\n", False),
        ("\n", False),
        ("\nreturn 1", False),
        ("\n    x = 'a\0'", False),
        ("\n    return 1\nreturn 2\n", False),
    ],
)
def test_parsing_takes_the_completion_as_it_came(text: str, parses: bool) -> None:
    assert Completion("def f(n):", text, ended=True, tokens=5).parses() is parses
