"""The chart of a timeline as a browser shows it: every call in its place, the critical path marked, no error."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from fleet.timeline import Timeline, write
from rehearsal.journal import Call, Entry, Operation, Outcome
from rehearsal.schedule import Scheduled
from tests.fleet.chromium import PROGRAM, Page, browsed

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Chromium isn't installed (Debian: chromium)")

_CALLS = 300
"""As many as a region has."""
_FAILED = 7
_HOSTILE = "</script><img src=x onerror=alert(1)>"
WIDE, NARROW = (1280, 800), (390, 844)


def _timeline(operation: str, number: int) -> Timeline:
    """Give calls that each wait for an earlier one; those before the one that ends last are the critical path."""
    drawn = random.Random(operation)
    calls: list[Scheduled] = []
    for place in range(1, number + 1):
        before = drawn.choice(calls[-9:]) if calls and drawn.random() < 0.9 else None
        name = f"{_HOSTILE}-{place}" if place == _FAILED else f"gpu-pool-with-a-long-name-{place}"
        kind = drawn.choice(["aws:eks/nodeGroup:NodeGroup", "aws:iam/role:Role", "aws:s3/bucketVersioning:Versioning"])
        urn = f"urn:pulumi:s::modelfleet::{kind}::{name}"
        outcome, error = (Outcome.FAILED, _HOSTILE) if place == _FAILED else (Outcome.DONE, "")
        call = Call("aws", drawn.choice(list(Operation)), kind, urn, f"id-{place}")
        entry = Entry(place, call, outcome, drawn.uniform(0.2, 200), 0, "quota" if error else "", error)
        calls.append(
            Scheduled(entry, before.ends_s if before else drawn.uniform(0, 30), before.entry.number if before else None)
        )
    known = {each.entry.number: each for each in calls}
    at: Scheduled | None = max(calls, key=lambda each: each.ends_s)
    critical = set()
    while at is not None:
        critical.add(at.entry.number)
        at = known.get(at.waited_for) if at.waited_for else None
    marked = [
        Scheduled(each.entry, each.begins_s, each.waited_for, critical=each.entry.number in critical) for each in calls
    ]
    return Timeline("aws-us-east-1", operation, sorted(marked, key=lambda each: each.begins_s))


TIMELINES = [_timeline("up", _CALLS), _timeline("down", 40), Timeline("aws-us-east-1", "preview", [])]


@pytest.fixture(name="address", scope="module")
def _address(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("chart") / "up.html"
    write(file, TIMELINES)
    return file.as_uri()


@pytest.fixture(name="page", scope="module")
def _page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browsed(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture(name="_fault_free", autouse=True)
def _fault_free(page: Page, address: str) -> Iterator[None]:
    """Whatever a test does, the page logs no error and asks for nothing but itself."""
    del page.problems[:], page.asked_for[:]
    yield
    assert page.problems == []
    assert set(page.asked_for) == {address}


def rows(page: Page, chosen: str = "") -> list[int]:
    found: list[Any] = page.ask(f"[...document.querySelectorAll('.call{chosen}')].map((row) => row.dataset.number)")
    return [int(number) for number in found]


@pytest.mark.parametrize(("width", "height"), [WIDE, NARROW])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_call_is_drawn_and_the_critical_path_is_marked(
    page: Page, address: str, width: int, height: int, dark: bool
) -> None:
    page.show(address, width=width, height=height, dark=dark)
    up = TIMELINES[0]
    assert rows(page) == [each.entry.number for each in up.calls]
    path = [each.entry.number for each in up.critical_path]
    assert rows(page, ".critical") == path
    assert page.ask("document.querySelectorAll('#lines path.critical').length") == len(path) - 1
    colours = "new Set([...document.querySelectorAll('{}')].map((bar) => getComputedStyle(bar).backgroundColor))"
    [critical] = page.ask(f"[...{colours.format('.call.critical:not(.failed) .bar')}]")
    others = page.ask(f"[...{colours.format('.call:not(.critical) .bar')}]")
    assert critical not in others
    assert page.ask("document.documentElement.scrollWidth <= innerWidth"), "the page itself never scrolls sideways"
    assert page.ask("document.querySelector('#chart').scrollWidth <= document.querySelector('#chart').clientWidth")
    assert page.ask("document.querySelector('#chart').clientHeight") > height / 4


def test_bars_stand_where_their_time_is(page: Page, address: str) -> None:
    page.show(address, width=WIDE[0], height=WIDE[1])
    up = TIMELINES[0]
    left, room = page.ask("(() => { const b = by('lines').getBoundingClientRect(); return [b.left, b.width]; })()")
    boxes = page.ask(
        "[...document.querySelectorAll('.call')].map((row) => { row.scrollIntoView();"
        " const b = row.querySelector('.bar').getBoundingClientRect(); return [b.left, b.width]; })"
    )
    for call, (at, wide) in zip(up.calls, boxes, strict=True):
        assert at - left == pytest.approx(call.begins_s / up.takes_s * room, abs=1)
        assert wide == pytest.approx(max(3, call.entry.takes_s / up.takes_s * room), abs=1)


def test_calls_are_found_by_words_and_by_what_became_of_them(page: Page, address: str) -> None:
    page.show(address, width=WIDE[0], height=WIDE[1])
    page.press("/")
    page.write("name-4 eks")
    wanted = [
        each.entry.number
        for each in TIMELINES[0].calls
        if "name-4" in each.entry.call.name and "eks" in each.entry.call.type
    ]
    assert rows(page) == wanted != []
    assert page.ask("by('count').textContent") == f"{len(wanted)} of {_CALLS}"
    page.write(" nothing has this name")
    assert not page.ask("by('none').hidden")
    page.press("Escape")
    assert len(rows(page)) == _CALLS
    page.ask("(by('show').value = 'failed', by('show').dispatchEvent(new Event('input')))")
    assert rows(page) == [_FAILED]
    page.click(".call .bar")
    assert _HOSTILE in page.ask("by('detail').textContent"), "a text of others' is text"


def test_a_chosen_call_says_what_it_waited_on(page: Page, address: str) -> None:
    page.show(address, width=WIDE[0], height=WIDE[1])
    *_, before, last = TIMELINES[0].critical_path
    page.ask("by('calls').focus()")
    page.press("End")
    assert rows(page, ".active") == [TIMELINES[0].calls[-1].entry.number]
    page.click(f"#path button[data-number='{last.entry.number}']")
    assert rows(page, ".chosen") == [each.entry.number for each in TIMELINES[0].critical_path]
    assert before.entry.call.name in page.ask("by('detail').textContent")
    page.ask("by('calls').focus()")
    page.press("ArrowLeft")
    assert rows(page, ".active") == [before.entry.number]
    row = page.ask(f"document.getElementById('call-{before.entry.number}').getBoundingClientRect().top")
    box = page.ask("(() => { const b = by('chart').getBoundingClientRect(); return [b.top, b.bottom]; })()")
    assert box[0] <= row <= box[1], "what is looked at is in sight"
    page.press("Escape")
    assert rows(page, ".chosen") == []


def test_the_mouse_tells_and_zooms(page: Page, address: str) -> None:
    page.show(address, width=WIDE[0], height=WIDE[1])
    first = TIMELINES[0].calls[0]
    page.point_at(f"#call-{first.entry.number} .bar")
    told = page.ask("by('tip').hidden ? '' : by('tip').textContent")
    assert first.entry.call.name in told
    assert first.entry.call.type in told
    ticks = page.ask("by('ticks').childElementCount")
    page.click("#in")
    page.click("#in")
    assert page.ask("by('chart').scrollWidth > by('chart').clientWidth")
    assert page.ask("by('ticks').childElementCount") > ticks
    page.ask("by('chart').scrollLeft = 200")
    label = page.ask(
        "document.querySelector('.label').getBoundingClientRect().left - by('chart').getBoundingClientRect().left"
    )
    assert 0 <= label <= 2, "labels stay when the rest is scrolled"
    page.click("#fit")
    assert page.ask("by('chart').scrollWidth <= by('chart').clientWidth")


def test_another_operation_and_one_that_did_nothing(page: Page, address: str) -> None:
    page.show(address, width=NARROW[0], height=NARROW[1])
    for place in (1, 2):
        page.ask(f"(by('operation').value = '{place}', by('operation').dispatchEvent(new Event('change')))")
        assert rows(page) == [each.entry.number for each in TIMELINES[place].calls]
