"""Bodies as large as they may be: looked at in one go, and no further than where they go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from service.server.protocol.chat import ChatBody
from service.server.protocol.completion import PROMPT_TOKENS, CompletionBody
from service.server.protocol.tokenization import TEXT_TOKENS, DetokenizeBody

if TYPE_CHECKING:
    from service.server.protocol.fields import Body

_PROMPT = {"model": "m", "prompt": "x"}
_MANY = 20_000


@pytest.mark.parametrize(
    ("body", "content", "where"),
    [
        (CompletionBody, {"prompt": [""] * _MANY}, ("prompt", "[texts]", 0)),
        (CompletionBody, {"prompt": [-1] * _MANY}, ("prompt", "[tokens]", 0)),
        (CompletionBody, {"prompt": [[]] * _MANY}, ("prompt", "[lists]", 0)),
        (CompletionBody, {"prompt": ["x"] * _MANY}, ("prompt", "[texts]")),
        (CompletionBody, {"prompt": [1] * (PROMPT_TOKENS + 1)}, ("prompt", "[tokens]")),
        (CompletionBody, _PROMPT | {"logit_bias": dict.fromkeys(map(str, range(_MANY)), "a")}, ("logit_bias",)),
        (CompletionBody, _PROMPT | {"metadata": dict.fromkeys(map(str, range(_MANY)), 1)}, ("metadata",)),
        (CompletionBody, _PROMPT | dict.fromkeys(map(str, range(_MANY)), 1), ()),
        (ChatBody, {"messages": [1] * _MANY}, ("messages", 0)),
        (DetokenizeBody, {"tokens": [1] * (TEXT_TOKENS + 1)}, ("tokens",)),
        (DetokenizeBody, {"tokens": ["a"] * _MANY}, ("tokens", 0)),
    ],
)
def test_the_first_fault_is_the_only_one(body: type[Body], content: dict[str, Any], where: tuple[Any, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        body.model_validate({"model": "m"} | content)
    assert [error["loc"] for error in refused.value.errors()] == [where]


def test_the_first_fault_of_either_form_is_told() -> None:
    parts = {"role": "user", "content": [1] * _MANY}
    for body, content in (
        (CompletionBody, _PROMPT | {"stop": [1] * _MANY}),
        (ChatBody, {"model": "m", "messages": [parts]}),
    ):
        with pytest.raises(ValidationError) as refused:
            body.model_validate(content)
        assert refused.value.error_count() == 2  # of a text, and of a list's first element


def test_tokens_are_whole_by_their_value() -> None:
    assert DetokenizeBody.model_validate({"tokens": [1, 2.0, 3]}).tokens == [1, 2, 3]
