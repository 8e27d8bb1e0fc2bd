"""The plan of every release: which regions go first, how long they bake, and how strictly they are judged."""

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from documents import FileModel, Finding, SettingsError, YamlDocument
from documents.findings import finding_at
from documents.values import Name


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    if twice := sorted({value for value in values if values.count(value) > 1}):
        msg = f"names {', '.join(twice)} more than once: a region is released to once"
        raise ValueError(msg)
    return values


class Wave(FileModel):
    """Regions that are released to at the same time."""

    name: Name = Field(description="What people call it, such as canary")
    stacks: Annotated[tuple[str, ...], AfterValidator(_unique)] = Field(
        min_length=1, description="Region stacks, as in Pulumi.<stack>.yaml"
    )
    bake_s: int = Field(
        600,
        ge=0,
        le=7 * 24 * 3600,
        description="Seconds that all of its regions must stay healthy before the next wave",
    )
    looks: int = Field(3, ge=1, le=20, description="How often the gate looks at them meanwhile, evenly spaced")


class GateSettings(FileModel):
    """How strictly a release is judged. Tests are one-sided; see docs/delivery.md for what the numbers do."""

    significance: float = Field(
        1e-4, gt=0, lt=0.05, description="Chance that one comparison condemns a release that is just at its limit"
    )
    latency_ratio: float = Field(
        1.75,
        gt=1,
        le=10,
        description="How many times as long answers may take: what surely takes longer condemns",
    )
    throughput_ratio: float = Field(
        0.57,
        gt=0,
        lt=1,
        description="Share of the tokens per second that must be left: what is surely less condemns",
    )
    error_points: float = Field(
        0.05, gt=0, lt=1, description="By how much the share of failed requests must grow before it counts"
    )
    error_ceiling: float = Field(
        0.10, gt=0, le=1, description="Share of the gate's own requests that may fail, however many failed before"
    )
    logprob_mean: float = Field(
        0.05, gt=0, description="Most that log-probabilities of pinned texts may differ on average, in nats"
    )
    logprob_worst: float = Field(1.0, gt=0, description="Most that any of them may differ, in nats")
    probe_requests: int = Field(
        200, ge=40, le=2000, description="Requests that the gate itself sends each time it looks"
    )
    probe_concurrency: int = Field(4, ge=1, le=64, description="How many of them at once")
    prometheus_minutes: int = Field(
        15, ge=5, le=24 * 60, description="How far back Prometheus is asked for what was before the release"
    )


class WavePlan(FileModel):
    """release/waves.yaml."""

    waves: tuple[Wave, ...] = Field(min_length=1, description="In their order; the first is the canary")
    gate: GateSettings = Field(default_factory=GateSettings, description=GateSettings.__doc__)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [wave.name for wave in self.waves]
        stacks = [stack for wave in self.waves for stack in wave.stacks]
        for what, values in (("wave", names), ("stack", stacks)):
            if twice := sorted({value for value in values if values.count(value) > 1}):
                msg = f"{what} {', '.join(twice)} stands in more than one wave: give each one place"
                raise ValueError(msg)
        return self

    @classmethod
    def read(cls, file: Path, *, known: Collection[str] | None = None) -> Self:
        """Read and check a plan.

        Args:
            file: The YAML file.
            known: Stacks that there are; None doesn't check.

        Raises:
            SettingsError: it isn't there, is no YAML, or says something wrong: each finding with its line.
        """
        try:
            document = YamlDocument.read(file)
        except FileNotFoundError as error:
            raise SettingsError(
                [Finding(str(file), None, "", "no such file: it says which regions go first")]
            ) from error
        plan = document.as_model(cls)
        findings = [
            finding_at(("waves", at, "stacks", place), _unknown(stack, known), document.file, document.lines)
            for at, wave in enumerate(plan.waves)
            for place, stack in enumerate(wave.stacks)
            if known is not None and stack not in known
        ]
        if findings:
            raise SettingsError(findings)
        return plan

    @classmethod
    def of_one(cls, stack: str, gate: GateSettings) -> Self:
        """Give the plan of a single stack, judged at once."""
        return cls(waves=(Wave(name="only", stacks=(stack,), bake_s=0),), gate=gate)


def _unknown(stack: str, known: Collection[str]) -> str:
    close = get_close_matches(stack, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"region stacks here: {', '.join(sorted(known)) or 'none'}"
    return f"{stack!r} is no region's stack; {hint}"
