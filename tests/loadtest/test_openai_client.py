from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest

from loadtest.errors import LoadTestError
from loadtest.lengths import Uniform
from loadtest.openai_client import OpenAIClient, Target, TextTask, base_url
from loadtest.outcome import FailureKind, RequestFailedError
from loadtest.prompts import PromptWriter
from tests.loadtest.scripted_server import event, head, serving, words_of

if TYPE_CHECKING:
    from loadtest.open_loop import Piece
    from tests.loadtest.scripted_server import Answer


async def ask(url: str, task: TextTask, **target: Any) -> list[Piece]:
    async with OpenAIClient(Target(url, **target)) as client:
        await client.choose_model()
        return [piece async for piece in client.ask(task)]


async def test_an_answer_is_its_pieces_and_its_usage() -> None:
    async with serving() as url:
        pieces = await ask(url, TextTask("a b c d", 3))
    assert [piece.text for piece in pieces] == [True, True, True, False, False]
    assert (pieces[-1].prompt_tokens, pieces[-1].output_tokens) == (3, 3)


CHUNKED = head().replace(b"connection: close", b"transfer-encoding: chunked")


def scripted(*parts: bytes) -> Answer:
    async def answer(body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        del body
        writer.writelines(parts)

    return answer


@pytest.mark.parametrize(
    ("parts", "kind", "says"),
    [
        ((head("429 Too Many Requests"), b'{"error": {"message": "slow down"}}'), FailureKind.OVERLOADED, "slow down"),
        ((head("503 Service Unavailable"), b"<html>"), FailureKind.OVERLOADED, "<html>"),
        ((head("400 Bad Request"), b'{"error": {"message": "n is 0"}}'), FailureKind.REFUSED, "400: n is 0"),
        ((head("500 Oops"), b""), FailureKind.SERVER, "500"),
        ((head(), event("a"), b'data: {"error": {"message": "gone"}}\n\n'), FailureKind.STREAM, "gone"),
        ((head(), event("a")), FailureKind.CUT_OFF, "before the answer did"),
        ((head(), b"data: {nonsense\n\n"), FailureKind.MALFORMED, "nonsense"),
        ((b"",), FailureKind.CONNECTION, "disconnected"),
        ((head()[:20],), FailureKind.CONNECTION, "disconnected"),
        ((CHUNKED, b"5\r\nda"), FailureKind.CUT_OFF, "incomplete chunked read"),
    ],
)
async def test_failures_are_told_apart(parts: tuple[bytes, ...], kind: FailureKind, says: str) -> None:
    async with serving(scripted(*parts)) as url:
        with pytest.raises(RequestFailedError, match=says) as failed:
            await ask(url, TextTask("a", 1))
    assert failed.value.failure.kind is kind


async def test_a_connection_that_is_reset_in_the_middle_of_an_answer_cuts_it_off() -> None:
    async def answer(body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        del body
        writer.write(head() + event("a"))
        await writer.drain()
        await asked.wait()
        # Not to linger means to reset, in place of an orderly end.
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    asked = asyncio.Event()
    async with serving(answer) as url, OpenAIClient(Target(url)) as client:
        await client.choose_model()
        pieces = client.ask(TextTask("a", 2))
        assert (await anext(pieces)).text
        asked.set()
        with pytest.raises(RequestFailedError) as failed:
            await anext(pieces)
    assert failed.value.failure.kind is FailureKind.CUT_OFF


async def test_nobody_there_is_told_with_the_address() -> None:
    async with serving() as url:
        pass
    with pytest.raises(LoadTestError, match=url):
        await ask(url, TextTask("a", 1))


async def test_a_model_that_is_not_there_is_refused_by_name() -> None:
    async with serving() as url, OpenAIClient(Target(url)) as client:
        assert await client.choose_model() == "m"
        assert await client.choose_model("other") == "other"
        with pytest.raises(LoadTestError, match="no model third; there are: m, other"):
            await client.choose_model("third")


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("http://h:1", "http://h:1/v1"),
        ("https://h/v1/", "https://h/v1"),
        ("https://h/openai/v1", "https://h/openai/v1"),
    ],
)
def test_an_address_becomes_the_base(given: str, base: str) -> None:
    assert base_url(given) == base


@pytest.mark.parametrize("given", ["host:80", "ftp://h", "https://", "https://h/v1?x=1"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(LoadTestError, match="no address"):
        base_url(given)


async def test_prompts_have_the_wanted_number_of_tokens() -> None:
    sent: list[dict[str, Any]] = []

    async def answer(body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        sent.append(body)
        writer.write(head() + event(finish="length") + event(usage=(words_of(body) // 2 + 1, 1)))

    async with serving(answer) as url, OpenAIClient(Target(url)) as client:
        await client.choose_model()
        writer = await PromptWriter.calibrate(client.ask, seed=0)
    assert (writer.tokens_per_word, writer.overhead_tokens) == (0.5, 1.0)
    assert [body["max_tokens"] for body in sent] == [1, 1]
    tasks = writer.tasks(50, Uniform(20, 40), Uniform(3, 5), shared_tokens=10, seed=1)
    assert tasks == writer.tasks(50, Uniform(20, 40), Uniform(3, 5), shared_tokens=10, seed=1)
    tokens = [len(task.prompt.split()) // 2 + 1 for task in tasks]
    assert min(tokens) >= 30
    assert max(tokens) <= 50
    assert len({" ".join(task.prompt.split()[:20]) for task in tasks}) == 1
    assert len({" ".join(task.prompt.split()[:28]) for task in tasks}) == 50


async def test_a_server_that_does_not_know_ignore_eos_is_told_how_to_be_asked() -> None:
    refusal = head("400 Bad Request") + b'{"error": {"message": "Unrecognized request argument: ignore_eos"}}'
    async with serving(scripted(refusal)) as url, OpenAIClient(Target(url)) as client:
        await client.choose_model()
        with pytest.raises(LoadTestError, match="--no-ignore-eos"):
            await PromptWriter.calibrate(client.ask, seed=0)
