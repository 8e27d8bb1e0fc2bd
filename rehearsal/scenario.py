"""A scenario file: what goes wrong in a rehearsal, as people write it.

    seed: 7
    faults:
      - fault: quota
        calls: {type: "aws:eks/nodeGroup:*", operations: [create]}
      - fault: [plugin killed, engine killed]
        every: 10
    drift:
      - type: aws:s3/bucketVersioning:BucketVersioning
        id: weights-*
        set: {versioningConfiguration.status: Suspended}
    stock:
      p5.48xlarge: {reservation: 0, on-demand: 2}

Faults are planted before the first operation and met by simulated calls as they come; drift is made behind the engine's
back once the stack is up.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, model_validator

from documents.findings import Finding, SettingsError
from documents.values import FileModel
from documents.yaml_text import YamlDocument
from rehearsal.clusters.stock import Stock
from rehearsal.journal import Operation
from rehearsal.mishaps import KILLS, Fault, Moment, Plan, Rule

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMA: Final = "scenario.schema.json"
"""Its name in `schemas/`."""
_COUNT: Final = Field(ge=1, le=1_000_000)


def _one_or_more(given: object) -> object:
    return (given,) if isinstance(given, str) else given


class Target(FileModel):
    """Which calls a fault is for."""

    type: str = Field(default="*", description="Pattern of the type token, as in a shell: aws:ec2/*")
    name: str = Field(default="*", description="Pattern of the resource's name in the program")
    operations: tuple[Operation, ...] = Field(default=tuple(Operation), min_length=1)


class PlantedFault(FileModel):
    """A fault, and the calls that meet it."""

    fault: Annotated[
        tuple[Fault, ...],
        BeforeValidator(_one_or_more, json_schema_input_type=Fault | tuple[Fault, ...]),
        Field(min_length=1, description="What goes wrong; of several, each call's own is drawn by the seed"),
    ]
    calls: Target = Field(default=Target(), description="Which calls it is for, all by default")
    when: Moment | None = Field(default=None, description="When a process is killed; drawn by default")
    times: Annotated[int, _COUNT] = Field(default=1, description="How often each resource's operation meets it")
    at_most: Annotated[int, _COUNT] | None = Field(default=None, description="How often it is met in all")
    at: tuple[Annotated[int, _COUNT], ...] = Field(default=(), description="Numbers of the calls that meet it")
    every: Annotated[int, _COUNT] | None = Field(default=None, description="Each call of a multiple of this meets it")
    attempts: Annotated[int, _COUNT] = Field(default=3, description="Throttled or unseen so often before it passes")

    @model_validator(mode="after")
    def _kills_have_a_moment(self) -> "PlantedFault":
        if self.when is not None and not KILLS & set(self.fault):
            msg = f"`when` says when a process is killed, and {', '.join(self.fault)} kills none: leave it out"
            raise ValueError(msg)
        return self

    def rule(self, number: int) -> Rule:
        """Give it as the simulators take it.

        Args:
            number: its place in the file, from 1.
        """
        return Rule(
            id=f"fault {number}",
            faults=self.fault,
            type=self.calls.type,
            name=self.calls.name,
            operations=self.calls.operations,
            when=self.when,
            times=self.times,
            at_most=self.at_most,
            at=self.at,
            every=self.every or 0,
            attempts=self.attempts,
        )


class Drift(FileModel):
    """A change that somebody makes in the cloud, past the engine."""

    type: str = Field(description="Type token of the resources")
    id: str = Field(default="*", description="Pattern of their ids, as in a shell")
    set: Mapping[str, Any] = Field(default={}, description="New values by dotted path")
    delete: bool = Field(default=False, description="Whether they are deleted")

    @model_validator(mode="after")
    def _does_one_thing(self) -> "Drift":
        if bool(self.set) == self.delete:
            msg = "give either `set`, with at least one value, or `delete: true`"
            raise ValueError(msg)
        return self


class Scenario(FileModel):
    """What goes wrong in a rehearsal."""

    description: str = ""
    seed: int = Field(default=0, description="What is drawn is drawn from this")
    faults: tuple[PlantedFault, ...] = ()
    drift: tuple[Drift, ...] = ()
    stock: Mapping[str, Mapping[str, Annotated[int, Field(ge=0)]]] = Field(
        default={}, description="Machines that there are, by SKU and rung; what isn't named is never out"
    )

    @classmethod
    def read(cls, file: Path) -> "Scenario":
        """Read a file.

        Raises:
            SettingsError: it can't be read, or says something that it can't mean.
        """
        try:
            document = YamlDocument.read(file)
        except OSError as error:
            raise SettingsError([Finding(str(file), None, "", f"can't be read: {error.strerror}")]) from error
        return document.as_model(cls)

    def plant(self, world: Path) -> None:
        """Let a world's simulators meet all of this but the drift, in place of what they were to meet before."""
        self.plan().write(world)
        Stock(self.stock).write(world)

    def plan(self) -> Plan:
        """Give the faults as the simulators take them."""
        return Plan(self.seed, tuple(each.rule(number) for number, each in enumerate(self.faults, start=1)))


def schema() -> str:
    """Give the JSON Schema of scenario files, for editors."""
    described = Scenario.model_json_schema(by_alias=True)
    titled = {**described, "title": "What goes wrong in a rehearsal (fleet rehearse --scenario)"}
    return json.dumps({"$schema": _DIALECT, **titled}, indent=2) + "\n"
