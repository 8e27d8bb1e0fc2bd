"""Simulated regions that keep real files: what is pinned, what runs, and what each digest is going to do."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from release.artefacts import Artefacts
from release.baseline import Baseline, Fingerprint
from release.errors import RegionBusyError, RegionError
from release.gate.verdict import Result, Verdict
from release.record import Deployed


class Behaviour(StrEnum):
    GOOD = "good"
    WRONG = "wrong answers"
    """The gate finds it."""
    MISSING = "an image that does not exist"
    HALF = "an update that fails half way"
    LATE = "healthy at first"
    """The gate finds it at its second look."""


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def server(number: int) -> str:
    return f"registry.example/server@{digest(number)}"


GATEWAY = f"registry.example/gateway@{digest(99)}"
MODEL = digest(77)


def artefacts(number: int) -> Artefacts:
    return Artefacts(server=server(number), gateway=GATEWAY, model=MODEL)


@dataclass
class SimulatedRegion:
    """A region in a folder. `hook` is told of the middle of an update."""

    stack: str
    folder: Path
    behaviours: Mapping[str, Behaviour]
    hook: Callable[[str], None] = lambda _: None
    broken_from: str = ""
    """A digest after which no update succeeds here any more."""
    compared: list[tuple[str, str]] = field(default_factory=list)
    """Each look: what ran, and what it was compared with."""

    def pin(self, pinned: Artefacts) -> None:
        self._file("config").parent.mkdir(parents=True, exist_ok=True)
        self._file("config").write_text(pinned.model_dump_json(), encoding="utf-8")

    def artefacts(self) -> Artefacts:
        return Artefacts.model_validate_json(self._file("config").read_text(encoding="utf-8"))

    def running(self) -> Mapping[str, str]:
        return json.loads(self._file("running").read_text(encoding="utf-8"))

    def observe(self) -> Baseline:
        ills = (self._file("ill").read_text(encoding="utf-8"),) if self._file("ill").exists() else ()
        return Baseline(fingerprint=self.fingerprint(), restarts={}, ills=ills)

    def fingerprint(self) -> Fingerprint | None:
        return Fingerprint(texts=digest(1), model=MODEL, positions=({self.running()["server"]: -0.5},))

    def configure(self, artefacts: Artefacts) -> None:
        self.pin(artefacts)

    def migrate(self, artefacts: Artefacts) -> None:
        self._file("migrated").write_text(artefacts.server, encoding="utf-8")

    def update(self, before: Baseline | None = None) -> None:
        del before  # its pods are seen at once
        if self._file("lock").exists():
            raise RegionBusyError(f"stack {self.stack} is being updated by process 7")
        if self._file("deaf").exists():
            return  # it tells of success, and nothing has changed
        wanted = self.artefacts()
        behaviour = self._behaviour(wanted.server)
        if self._file("broken").exists():
            raise RegionError(f"{self.stack} takes no update any more")
        if self.broken_from and self.broken_from in wanted.server:
            self._file("broken").touch()
        self._run({"server": wanted.server})  # the gateway's part comes second
        self.hook("update:half")
        if behaviour in {Behaviour.MISSING, Behaviour.HALF}:
            raise RegionError(f"{wanted.server}: {behaviour}")
        self._run({"server": wanted.server, "gateway": wanted.gateway})

    def judge(self, before: Baseline, last_good: Fingerprint | None) -> tuple[Verdict, ...]:
        compared = last_good or before.fingerprint
        if compared is not None:
            self.compared.append((self.running()["server"], next(iter(compared.positions[0]))))
        running = self.running()
        behaviour = self._behaviour(running["server"])
        looks = self._looks(running["server"])
        bad = behaviour is Behaviour.WRONG or (behaviour is Behaviour.LATE and looks >= 2) or "gateway" not in running
        bad = bad or self._file("refuses").exists()
        result = Result.FAILED if bad else Result.PASSED
        return (Verdict(check="answers", result=result, reason=str(behaviour), evidence={"looks": looks}),)

    def interrupt(self) -> None:
        """An update here is over before anybody could interrupt it."""

    def deployed(self) -> Deployed:
        return Deployed(images=self.running(), model=MODEL, config_hash=digest(5))

    def say(self, name: str, text: str = "") -> None:
        """Set what is up here: `ill`, why; `lock`, another engine; `deaf`, updates reach nothing; `refuses`, all."""
        self._file(name).write_text(text, encoding="utf-8")

    def unsay(self, name: str) -> None:
        self._file(name).unlink()

    def _looks(self, reference: str) -> int:
        """Count looks at a digest, so that one may turn bad later."""
        file = self._file("looks")
        looked: dict[str, int] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        looked[reference] = looked.get(reference, 0) + 1
        file.write_text(json.dumps(looked), encoding="utf-8")
        return looked[reference]

    def _behaviour(self, reference: str) -> Behaviour:
        return self.behaviours.get(reference.rpartition("@")[2], Behaviour.GOOD)

    def _run(self, images: Mapping[str, str]) -> None:
        self._file("running").write_text(json.dumps(images), encoding="utf-8")

    def _file(self, name: str) -> Path:
        return self.folder / self.stack / name


@dataclass
class ManualClock:
    """Time that passes only where it is waited for."""

    time: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)
    waits: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += timedelta(seconds=seconds)


class KilledError(BaseException):
    """The process is gone: nothing of it runs after this."""


@dataclass
class Killer:
    """Ends a process when it passes a point for the n-th time; a dead one's other threads stop at their next point."""

    point: str = ""
    count: int = 1
    passed: list[str] = field(default_factory=list)
    dead: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, point: str) -> None:
        with self._lock:
            self.passed.append(point)
            if point == self.point:
                self.count -= 1
                self.dead = self.dead or self.count == 0
            if self.dead:
                raise KilledError(point)
