"""A region that is released to for real: its stack file, `fleet up`, its load balancer, its Kubernetes."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Self, TypeVar

from fleet.access import Access
from fleet.console import FleetError
from fleet.release_cluster import BeforeUpdate, RegionCluster, region_cluster
from fleet.release_pins import config_hash, pin, pinned
from fleet.release_update import StackUpdate
from fleet.stacks import Stack, stack_file
from infra.config import SettingsError, from_stack_file
from release.artefacts import Artefacts
from release.baseline import Baseline, Fingerprint, Samples
from release.errors import RegionError
from release.gate import gate
from release.gate.answers import PROBE
from release.gate.check import ClusterState, Subject
from release.gate.probe import Door, answers, fingerprint, probe
from release.gate.verdict import Verdict
from release.prometheus import PROMETHEUS, Prometheus
from release.record import Deployed
from release.region import Migration
from release.waves import GateSettings
from toolchain.errors import ToolchainError

T = TypeVar("T")

_FORESEEN: Final = (FleetError, RegionError, SettingsError, ToolchainError)
_ANSWERS_WITHIN_S: Final = 20.0
"""How long a load balancer may take to send requests to pods that are ready already."""
_PAUSE_S: Final = 1.0
_LOOK_WITHIN_S: Final = 60.0
"""How long a region that can't be looked at is tried: API servers and tunnels that restart are back by then."""
_LOOK_AGAIN_S: Final = 5.0


@dataclass
class DeployedRegion:
    """`Region` by this machine's tools; see `release.region`.

    Attributes:
        stack: The stack.
        gate: How strictly it is judged.
        migration: What goes before an update.
        tell: Is told what happens.
    """

    stack: str
    gate: GateSettings
    migration: Migration
    tell: Callable[[str], None]
    _running: StackUpdate | None = None

    def artefacts(self) -> Artefacts:
        """Read the stack's file."""
        try:
            return pinned(from_stack_file(stack_file(self.stack)))
        except _FORESEEN as error:
            raise RegionError(str(error)) from error

    def configure(self, artefacts: Artefacts) -> None:
        """Write the stack's file."""
        pin(stack_file(self.stack), artefacts)

    def migrate(self, artefacts: Artefacts) -> None:
        """Run what goes before an update."""
        self.migration.expand(self.stack, artefacts)

    def update(self, before: Baseline | None = None) -> None:
        """Run `fleet up`, and give it up where its pods can't run."""
        with ExitStack() as held:
            try:
                cluster = held.enter_context(self._opened()).cluster
                if before is not None and before.revisions:  # else it couldn't be looked at by then
                    found = BeforeUpdate(before.revisions, before.restarts)
                else:
                    found = cluster.before_update()
                troubles = partial(cluster.troubles_since, found)
            except _FORESEEN:
                troubles = tuple  # before a region's first update there is nobody to ask
            self._running = StackUpdate(self.stack, lambda line: self.tell(f"{self.stack}: {line}"), troubles)
            try:
                self._running.run()
            finally:
                self._running = None

    def interrupt(self) -> None:
        """End `fleet up` in order."""
        if (running := self._running) is not None:
            running.interrupt()

    def observe(self) -> Baseline:
        """Look at the region as it is now."""
        try:
            with self._opened() as region:
                state, seen = region.cluster.state(), region.seen(self.gate, since=_before(self.gate))
                return Baseline(
                    samples=seen.samples,
                    fingerprint=seen.fingerprint,
                    restarts=state.restarts,
                    revisions=region.cluster.before_update().revisions,
                    lost_gpus=state.lost_gpus,
                    ills=state.ills,
                    note="; ".join(seen.notes),
                )
        except _FORESEEN as error:
            return Baseline(
                ills=(f"it can't be looked at: {error}",), note=f"there is nothing to compare with: {error}"
            )

    def fingerprint(self) -> Fingerprint | None:
        """Ask the model for the pinned texts."""
        try:
            with self._opened() as region:
                return fingerprint(region.door)
        except _FORESEEN:
            return None

    def judge(self, before: Baseline, last_good: Fingerprint | None) -> tuple[Verdict, ...]:
        """Look at the region as it is now, and judge it."""
        try:
            seen, state = self._patiently(self._looked)
        except _FORESEEN as error:
            seen, state = _Seen(notes=[str(error)]), ClusterState(workloads=())
        subject = Subject(
            settings=self.gate,
            before=before,
            samples=seen.samples,
            fingerprint=seen.fingerprint,
            last_good=last_good,
            cluster=state,
            note="; ".join(seen.notes),
        )
        return gate.judge(subject)

    def _looked(self) -> "tuple[_Seen, ClusterState]":
        with self._opened() as region:
            region.until_answered()
            since = region.cluster.youngest_pod()
            return region.seen(self.gate, since=since), region.cluster.state()

    def _patiently(self, look: Callable[[], T]) -> T:
        """Look, and again for a while: that a look failed says more of the way there than of the release."""
        end = time.monotonic() + _LOOK_WITHIN_S
        while True:
            try:
                return look()
            except _FORESEEN as error:
                if time.monotonic() >= end:
                    raise
                self.tell(f"{self.stack}: can't be looked at, tried again: {error}")
            time.sleep(_LOOK_AGAIN_S)

    def deployed(self) -> Deployed:
        """Read what the stack gave out last."""
        try:
            outputs = self._patiently(self._outputs)
            settings = from_stack_file(stack_file(self.stack))
            return Deployed(
                images=outputs["images"], model=str(outputs["modelDigest"]), config_hash=config_hash(settings)
            )
        except (*_FORESEEN, KeyError) as error:
            raise RegionError(f"what runs in {self.stack} can't be found out: {error}") from error

    def _opened(self) -> "_OpenRegion":
        return _OpenRegion(Stack.open(self.stack, create=False))

    def _outputs(self) -> Mapping[str, Any]:
        return Stack.open(self.stack, create=False).engine.outputs(self.stack)


@dataclass
class _Seen:
    """What could be seen of a region, and why the rest couldn't."""

    samples: dict[str, Samples] = field(default_factory=dict)
    fingerprint: Fingerprint | None = None
    notes: list[str] = field(default_factory=list)


class _OpenRegion:
    """A region with the ways to its API and its cluster, for a while."""

    door: Door
    cluster: RegionCluster

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._held = ExitStack()
        self._outputs: Mapping[str, Any] = {}

    def __enter__(self) -> Self:
        stack = self._stack
        stack.check_awake()
        self._outputs = stack.engine.outputs(stack.name)
        access = Access.of(stack.name, self._outputs)
        digest = str(self._outputs.get("modelDigest", ""))
        self.door = Door(access.endpoint, access.key, access.model, digest, access.ca_file)
        self.cluster = self._held.enter_context(region_cluster(stack.engine, stack.name, self._outputs))
        return self

    def __exit__(self, *ended: object) -> None:
        self._held.close()

    def until_answered(self) -> None:
        """Wait until a request is answered, or for as long as a load balancer may take; the probe tells either way."""
        end = time.monotonic() + _ANSWERS_WITHIN_S
        while not answers(self.door) and time.monotonic() < end:
            time.sleep(_PAUSE_S)

    def seen(self, settings: GateSettings, *, since: datetime) -> _Seen:
        """Send the gate's requests, and ask Prometheus."""
        seen = _Seen()
        seen.samples[PROBE] = probe(self.door, requests=settings.probe_requests, concurrency=settings.probe_concurrency)
        try:
            seen.fingerprint = fingerprint(self.door)
        except RegionError as error:
            seen.notes.append(str(error))
        if service := self._outputs.get("prometheus"):
            try:
                prometheus = Prometheus(self.cluster.prometheus(str(service)))
                seen.samples[PROMETHEUS] = prometheus.samples(since, datetime.now(UTC))
            except RegionError as error:
                seen.notes.append(str(error))
        return seen


def _before(settings: GateSettings) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=settings.prometheus_minutes)
