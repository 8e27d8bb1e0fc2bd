"""The forwarding program is started again when it ends, and given up when that is of no use."""

import asyncio
import os
import signal
import socket
from collections.abc import Sequence
from itertools import count

import pytest

from fleet.tunnel.errors import NotReadyError, TunnelError
from fleet.tunnel.forwarder import Forwarder
from tests.fleet.tunnel.conftest import TestRoute, listener_of

ENDING = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    listener.accept()
raise SystemExit("the session was terminated")
"""
"""Opens its port and ends with the first connection, as a session does that may be started and not used."""


async def test_a_program_that_ends_is_started_again(route: TestRoute) -> None:
    told: list[str] = []
    pauses: list[float] = []
    opened: asyncio.Queue[None] = asyncio.Queue()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    forwarder = Forwarder(route, 0, told.append, pause)
    keeping = asyncio.create_task(forwarder.keep_open(lambda: opened.put_nowait(None)))
    await opened.get()
    (_, writer) = await forwarder.connect()
    writer.close()
    os.kill(listener_of(forwarder.port), signal.SIGKILL)
    await opened.get()
    assert route.started == 2
    assert pauses == [1.0]
    assert "opened again" in told[0]
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    with pytest.raises(ProcessLookupError):
        os.kill(listener_of(forwarder.port), 0)


async def test_what_never_opens_is_told_with_its_last_words() -> None:
    async def pause(_: float) -> None:
        return

    route = TestRoute("raise SystemExit('not authorised to start a session')")
    with pytest.raises(TunnelError, match=r"4 attempts(.|\n)*not authorised to start a session"):
        await Forwarder(route, 0, lambda _: None, pause).keep_open(lambda: None)
    assert route.started == 4


async def test_a_machine_that_is_only_being_made_is_waited_for(route: TestRoute) -> None:
    class Starting(TestRoute):
        def command(self, port: int) -> list[str]:
            if self.started < 2:
                self.started += 1
                raise NotReadyError("its agent has not reported")
            return list(super().command(port))

    told: list[str] = []
    opened = asyncio.Event()

    async def pause(_: float) -> None:
        return

    forwarder = Forwarder(Starting(route.script, route.arguments), 0, told.append, pause)
    keeping = asyncio.create_task(forwarder.keep_open(opened.set))
    await opened.wait()
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    assert told == ["its agent has not reported: waiting for it"]


async def test_what_opens_and_ends_at_once_is_given_up() -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    route = TestRoute(ENDING)
    forwarder = Forwarder(route, 0, lambda _: None, pause)
    with pytest.raises(TunnelError, match=r"4 attempts(.|\n)*the session was terminated"):
        await forwarder.keep_open(lambda: None)
    assert route.started == 4
    assert pauses == [1.0, 2.0, 4.0]
    with pytest.raises(ConnectionError, match="the session was terminated"):
        await forwarder.connect()


@pytest.mark.parametrize("open_s", [0, 60])
async def test_what_was_open_is_asked_for_again_for_as_long_as_it_is_wanted(route: TestRoute, open_s: int) -> None:
    class Away(TestRoute):
        def command(self, port: int) -> Sequence[str]:
            if 1 <= self.started < 7:
                self.started += 1
                raise TunnelError("`aws ec2 describe-instances` failed")
            return super().command(port)

    told: list[str] = []
    pauses: list[float] = []
    refused: list[str] = []
    opened: asyncio.Queue[None] = asyncio.Queue()
    clock = count(step=open_s)

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) > 4:
            with pytest.raises(ConnectionError) as error:
                await forwarder.connect()
            refused.append(str(error.value))

    away = Away(route.script, route.arguments)
    forwarder = Forwarder(away, 0, told.append, pause, clock=lambda: next(clock))
    keeping = asyncio.create_task(forwarder.keep_open(lambda: opened.put_nowait(None)))
    await opened.get()
    os.kill(listener_of(forwarder.port), signal.SIGKILL)
    await opened.get()
    (_, writer) = await forwarder.connect()
    writer.close()
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert all("describe-instances` failed" in each for each in refused)
    assert len(refused) == 3
    assert len([each for each in told if "describe-instances` failed" in each]) == 1
    assert told[-1] == "the test's way is open again"


async def test_what_has_lasted_is_not_given_up() -> None:
    """However often the program ends at once since then: it did what it should before."""

    async def pause(_: float) -> None:
        await asyncio.sleep(0)

    clock = iter([0.0, 60.0])
    enough = asyncio.Event()
    route = TestRoute(ENDING)
    starts = 0

    def on_open() -> None:
        nonlocal starts
        starts += 1
        if starts == 6:
            enough.set()

    forwarder = Forwarder(route, 0, lambda _: None, pause, clock=lambda: next(clock, 60.0))
    keeping = asyncio.create_task(forwarder.keep_open(on_open))
    await enough.wait()
    assert not keeping.done()
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping


async def test_a_port_of_another_program_is_not_announced(route: TestRoute) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(TunnelError, match=rf"port {port} .*in use(.|\n)*--port"):
            await Forwarder(route, port, lambda _: None).keep_open(lambda: pytest.fail("announced"))
    assert route.started == 0


async def test_a_program_that_cannot_be_started_is_named() -> None:
    class Gone(TestRoute):
        def command(self, port: int) -> Sequence[str]:
            return ["session-manager-nowhere", str(port)]

    with pytest.raises(TunnelError, match="`session-manager-nowhere` can't be started"):
        await Forwarder(Gone(""), 0, lambda _: None).keep_open(lambda: None)
