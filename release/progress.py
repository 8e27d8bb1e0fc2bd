"""How far a rollout is, read from its journal: all that a resumed one knows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from release.journal import (
    Announced,
    BakeBegun,
    Before,
    Begun,
    Concluded,
    Condemned,
    Driven,
    Entry,
    Rested,
    WaveBegun,
    WavePassed,
)
from release.steps import Step


@dataclass
class Progress:
    """What the entries so far say.

    Attributes:
        begun: What is to be done.
        began_at: Since when.
        who: Who started the process that drives it, and through which wave.
        waves: Waves that have begun, in order, with what their regions were before.
        steps: The last announced step of each stack.
        bakes: Since when and until when each wave bakes.
        passed: Waves that have passed.
        condemned: Regions that refused, in order.
        rested: Whether its last driver has ended in order, and nobody drives it since.
        concluded: The end.
    """

    begun: Begun
    began_at: datetime
    who: str = ""
    through: int = -1
    waves: dict[int, Mapping[str, Before]] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    bakes: dict[int, BakeBegun] = field(default_factory=dict)
    passed: set[int] = field(default_factory=set)
    condemned: list[Condemned] = field(default_factory=list)
    rested: bool = False
    concluded: Concluded | None = None

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Progress":
        """Read a journal's entries."""
        first, *rest = entries
        if not isinstance(first.event, Begun):
            raise TypeError(f"a journal begins with what is to be done, not with {first.event.kind!r}")
        progress = cls(first.event, first.at, through=first.event.through)
        for entry in rest:
            progress.take(entry)
        return progress

    def take(self, entry: Entry) -> None:
        """Take one more entry in."""
        match entry.event:
            case Driven(who=who, through=through):
                self.who, self.through, self.rested = who, through, False
            case Rested():
                self.rested = True
            case WaveBegun(wave=wave, before=before):
                self.waves[wave] = before
            case Announced(stack=stack, step=step):
                self.steps[stack] = step
            case Condemned() as refusal:
                self.condemned.append(refusal)
            case BakeBegun(wave=wave) as bake:
                self.bakes[wave] = bake
            case WavePassed(wave=wave):
                self.passed.add(wave)
            case Concluded() as end:
                self.concluded = end
            case Begun():
                raise TypeError("a journal begins once")

    @property
    def before(self) -> Mapping[str, Before]:
        """What every touched region was before."""
        return {stack: before for wave in self.waves.values() for stack, before in wave.items()}

    @property
    def resting(self) -> bool:
        """Whether it lies between two waves, with nobody driving it: nothing is half done, and nothing refused."""
        return self.concluded is None and self.rested

    @property
    def phase(self) -> str:
        """Where it is, in words."""
        if self.concluded is not None:
            return str(self.concluded.outcome)
        if self.condemned:
            return "rolling back"
        names = [wave.name for wave in self.begun.plan.waves]
        if self.resting:
            return f"resting before wave {names[len(self.passed)]}"
        if not self.waves:
            return "begun"
        wave = max(self.waves)
        return f"wave {names[wave]}" + (" baking" if wave in self.bakes else "")
