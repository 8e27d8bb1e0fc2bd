"""What happens around every call of a simulator: it is noted, takes its time, and fails where the scenario says so.

The simulator inside behaves as its cloud does and knows nothing of this. What is done here is the rehearsal's: it may
go by the engine's names for resources, and it kills processes.
"""

import os
import signal
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from rehearsal.clock import backed_off_s, draw_s
from rehearsal.journal import Call, Journal, Operation, Outcome
from rehearsal.manners import Manners
from rehearsal.mishaps import PASSING, Fault, Met, Mishaps, Moment, Plan
from rehearsal.remembering import world
from rehearsal.settling import Settling
from toolchain.provider.interface import (
    CheckRequest,
    CheckResult,
    Context,
    CreateRequest,
    CreateResult,
    DeleteRequest,
    DiffRequest,
    DiffResult,
    InitializationFailedError,
    InvokeResult,
    ProviderError,
    ReadRequest,
    ReadResult,
    ResourceProvider,
    UpdateRequest,
)

_ENGINE: Final = "pulumi"
"""What the engine's program is called, whoever built it."""
_KILLED: Final = 128 + signal.SIGKILL
"""What a shell says of a process that was killed."""


@dataclass
class _Encounter:
    """A call on its way through the plugin.

    Attributes:
        call: what is asked.
        number: its number in the journal.
        met: the fault that it meets.
        takes_s: seconds on the virtual clock, without retries.
        seed: what is drawn from.
        id: the resource's id, once it is known.
        retries: how often it was tried again.
    """

    call: Call
    number: int
    met: Met | None
    takes_s: float
    seed: str
    id: str = ""
    retries: int = 0


class _Records:
    """What is written down of calls, in the world's memory."""

    def __init__(self, folder: Path) -> None:
        memory = folder / "account.sqlite"
        self._journal = Journal(memory)
        self._mishaps = Mishaps(memory, Plan.read(folder))
        self.settling = Settling(memory)

    def begin(self, call: Call, manners: Manners) -> _Encounter:
        """Note a call, and give what it meets."""
        met = self._mishaps.meet(call)
        number = self._journal.begin(call, fault="" if met is None else str(met))
        # An attempt that fails takes another time than the one that doesn't, and that one's doesn't depend on how often
        # the engine was run before.
        seed = f"{self._mishaps.plan.seed}/{call.operation}/{call.urn}/{number if met else 0}"
        return _Encounter(call, number, met, draw_s(manners.takes.get(call.type), call.operation, seed), seed, call.id)

    def end(self, encounter: _Encounter, outcome: Outcome, *, error: str = "") -> None:
        """Note how a call ended."""
        self._journal.end(
            encounter.number,
            outcome,
            takes_s=encounter.takes_s + backed_off_s(encounter.retries),
            retries=encounter.retries,
            resource_id=encounter.id,
            error=error,
        )

    def close(self) -> None:
        """Let go of the memory."""
        self._journal.close()
        self._mishaps.close()
        self.settling.close()


class TroubledProvider(ResourceProvider):
    """A simulator whose calls are noted, take time and meet faults.

    Args:
        inside: the simulator.
        manners: how its cloud behaves around a call.
    """

    def __init__(self, inside: ResourceProvider, manners: Manners) -> None:
        self.name = inside.name
        self.version = inside.version
        self._inside = inside
        self._manners = manners
        self._records: _Records | None = None

    def schema(self) -> Mapping[str, Any]:
        """Say what this is."""
        return self._inside.schema()

    async def started(self) -> None:
        """Load what the first calls need."""
        await self._inside.started()

    async def check_config(self, request: CheckRequest, context: Context) -> CheckResult:
        """Check the provider's own configuration."""
        return await self._inside.check_config(request, context)

    async def diff_config(self, request: DiffRequest, context: Context) -> DiffResult:
        """Compare two configurations of the provider."""
        return await self._inside.diff_config(request, context)

    async def configure(self, config: dict[str, Any], context: Context) -> None:
        """Take the configuration; a simulator that may not work here says so before anything is noted."""
        await self._inside.configure(config, context)
        self._records = _Records(world())

    async def check(self, request: CheckRequest, context: Context) -> CheckResult:
        """Fill in defaults and validate."""
        return await self._inside.check(request, context)

    async def diff(self, request: DiffRequest, context: Context) -> DiffResult:
        """Tell what an update would change."""
        return await self._inside.diff(request, context)

    async def read(self, request: ReadRequest, context: Context) -> ReadResult:
        """Read the resource's present state."""
        return await self._inside.read(request, context)

    async def invoke(self, token: str, arguments: dict[str, Any], context: Context) -> InvokeResult:
        """Call a function of the plugin."""
        return await self._inside.invoke(token, arguments, context)

    async def create(self, request: CreateRequest, context: Context) -> CreateResult:
        """Make the resource; a preview meets nothing."""
        if request.preview:
            return await self._inside.create(request, context)
        with self._noted(Call(self.name, Operation.CREATE, request.type, request.urn)) as call:
            await self._seen(call, request.inputs, context)
            await self._before(call, context)
            made = await self._inside.create(request, context)
            call.id = made.id
            self._settle(call, made.outputs)
            if reason := self._after(call):
                raise InitializationFailedError(
                    id=made.id, outputs=made.outputs, reasons=[reason], inputs=request.inputs
                )
            return made

    async def update(self, request: UpdateRequest, context: Context) -> Mapping[str, Any]:
        """Change the resource; a preview meets nothing."""
        if request.preview:
            return await self._inside.update(request, context)
        with self._noted(Call(self.name, Operation.UPDATE, request.type, request.urn, request.id)) as call:
            await self._seen(call, request.news, context)
            await self._before(call, context)
            outputs = await self._inside.update(request, context)
            if reason := self._after(call):
                raise InitializationFailedError(id=request.id, outputs=outputs, reasons=[reason], inputs=request.news)
            return outputs

    async def delete(self, request: DeleteRequest, context: Context) -> None:
        """Delete the resource."""
        with self._noted(Call(self.name, Operation.DELETE, request.type, request.urn, request.id)) as call:
            await self._before(call, context)
            await self._inside.delete(request, context)
            if reason := self._after(call):
                raise ProviderError(reason)

    async def close(self) -> None:
        """Let go of everything."""
        await self._inside.close()
        if self._records is not None:
            self._records.close()

    @contextmanager
    def _noted(self, call: Call) -> Generator[_Encounter]:
        """Note a call in the journal, whatever becomes of it."""
        if self._records is None:
            raise ProviderError(f"the simulated {self.name} was asked for a resource before it was configured")
        encounter = self._records.begin(call, self._manners)
        try:
            yield encounter
        except ProviderError as error:
            self._records.end(encounter, Outcome.FAILED, error=str(error))
            raise
        self._records.end(encounter, Outcome.DONE)

    def _settle(self, encounter: _Encounter, outputs: Mapping[str, Any]) -> None:
        """Let what was made be unseen for a while, where its type is."""
        if self._records is not None and (calls := self._manners.settles.get(encounter.call.type, 0)):
            self._records.settling.begin(encounter.id, outputs, calls)

    async def _seen(self, encounter: _Encounter, inputs: Mapping[str, Any], context: Context) -> None:
        """Try again until everything is seen that the inputs name, as long as the real plugin does."""
        if self._records is not None and (attempts := self._records.settling.too_early(inputs)):
            await self._tried_again(encounter, Fault.UNSEEN, attempts, context)

    async def _tried_again(self, encounter: _Encounter, fault: Fault, attempts: int, context: Context) -> None:
        """Let a call pass after some attempts.

        Raises:
            ProviderError: the plugin gives up before that.
        """
        refusal = self._manners.refusal(fault, encounter.call, seed=encounter.seed)
        encounter.retries += min(attempts, self._manners.retries)
        if attempts > self._manners.retries:
            raise ProviderError(refusal)
        await context.status(f"simulated: {refusal}: tried again {attempts} times")

    async def _before(self, encounter: _Encounter, context: Context) -> None:
        """Let a fault happen that keeps the call from being answered.

        Raises:
            ProviderError: the cloud refuses, in its own words.
        """
        match encounter.met:
            case (
                None
                | Met(fault=Fault.TIMEOUT)
                | Met(when=Moment.AFTER, fault=Fault.PLUGIN_KILLED | Fault.ENGINE_KILLED)
            ):
                return
            case Met(fault=Fault.PLUGIN_KILLED | Fault.ENGINE_KILLED):
                _kill(encounter.met.fault)
            case Met(fault=fault, attempts=attempts) if fault in PASSING:
                await self._tried_again(encounter, fault, attempts, context)
                return
        raise ProviderError(self._manners.refusal(encounter.met.fault, encounter.call, seed=encounter.seed))

    def _after(self, encounter: _Encounter) -> str:
        """Let a fault happen that comes when all is done; give why the resource isn't ready, empty if it is."""
        match encounter.met:
            case Met(fault=Fault.TIMEOUT):
                return self._manners.refusal(Fault.TIMEOUT, encounter.call, seed=encounter.seed)
            case Met(when=Moment.AFTER, fault=Fault.PLUGIN_KILLED | Fault.ENGINE_KILLED):
                _kill(encounter.met.fault)
        return ""


def _kill(fault: Fault) -> NoReturn:
    """End the engine, or this plugin alone: at once, so that nothing of what is under way is told or stored."""
    if fault is Fault.ENGINE_KILLED:
        engine = os.getppid()
        program = Path(f"/proc/{engine}/exe").readlink().name
        if not program.startswith(_ENGINE):
            raise ProviderError(f"the engine was to be killed, and process {engine} is {program}: it is left alone")
        os.kill(engine, signal.SIGKILL)
    os._exit(_KILLED)
