"""A rehearsal's timeline: as text, and as a chart in one file."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.console import FleetError
from fleet.timeline import Timeline, lasting, lines, write
from rehearsal.journal import Call, Entry, Operation, Outcome
from rehearsal.schedule import Scheduled


def scheduled(number: int, name: str, begins_s: float, takes_s: float, **more: bool) -> Scheduled:
    call = Call("aws", Operation.CREATE, "aws:kms/key:Key", f"urn:pulumi:s::p::aws:kms/key:Key::{name}")
    return Scheduled(Entry(number, call, Outcome.DONE, takes_s, 0, "", "</script>"), begins_s, None, **more)


TIMELINE = Timeline(
    "aws-us-east-1", "up", [scheduled(1, "network", 0, 60, critical=True), scheduled(2, "cluster", 60, 720)]
)


def test_each_call_has_a_row_in_its_time() -> None:
    first, second = lines(TIMELINE, width=100)
    assert first.startswith("create Key network")
    assert first.index("▓") < second.index("█")
    assert second.rstrip().endswith("12 min")
    assert max(map(len, (first, second))) <= 100
    assert lines(Timeline("s", "up", []), width=80) == []


def test_it_tells_how_long_and_by_what() -> None:
    assert str(TIMELINE) == "13 min in a cloud, by network"
    assert str(Timeline("s", "preview", [])) == "no time in a cloud"


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "1 h 0 min")])
def test_times_are_said_as_people_do(seconds: float, said: str) -> None:
    assert lasting(seconds) == said


def test_it_tells_how_far_it_is_from_what_the_clouds_force() -> None:
    urn = TIMELINE.calls[1].entry.call.urn
    timeline = replace(TIMELINE, forced=[urn])
    assert str(timeline).splitlines()[1].strip() == (
        "critical path 13.0 min, forced chain 12.0 min (cluster), ratio 1.08"
    )
    assert (timeline.as_data()["forced_s"], timeline.as_data()["ratio"]) == (720, 1.08)
    assert TIMELINE.ratio is None
    assert "ratio" not in TIMELINE.as_data()


def test_a_chart_holds_the_data_and_needs_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "out.html"
    write(file, [TIMELINE])
    text = file.read_text()
    [script] = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)  # the data can't end it
    [data] = re.findall(r"^const operations = (.*);$", script, flags=re.MULTILINE)
    assert json.loads(data) == [TIMELINE.as_data()]
    assert not re.search(r"(src|href)\s*=|@import|url\(|fetch\(", text)


def test_data_is_json(tmp_path: Path) -> None:
    write(tmp_path / "out.json", [TIMELINE])
    [found] = json.loads((tmp_path / "out.json").read_text())
    assert found["takes_s"] == 780
    assert [call["critical"] for call in found["calls"]] == [True, False]


def test_a_folder_that_isnt_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"none/out\.html can't be written: No such file"):
        write(tmp_path / "none" / "out.html", [TIMELINE])
