"""Where in a cloud a resource would be that a state only suspects: its inputs and its provider say so."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fleet.inventory.scratch import Question, ScratchStack, State
from fleet.inventory.traces import CLOUDS, ById, ByTag, InList, MadeAgain, Trace, Unknowable, trace_of
from infra.marks import NAME_TAG, STACK_TAG
from rehearsal.computed import first_filled, place_known, scope_of
from rehearsal.template import PlaceUnknownError, fill
from toolchain.provider.properties import SIGNATURE_KEY

LIST_BY_TAG: Final = "aws:resourcegroupstaggingapi/getResources:getResources"
_GLOBAL_REGION: Final = "us-east-1"
"""Where AWS lists what is in no region (docs.aws.amazon.com/ARG/latest/userguide/supported-resources.html)."""
_GLOBAL: Final = frozenset({"cloudfront", "route53", "wafv2"})
"""Services whose resources are listed there, besides in the provider's region."""

_TAGGED: Final = ("tags", "labels", "resourceLabels", "userLabels")
"""Inputs in which resources of the three clouds have their tags."""


@dataclass(frozen=True)
class Suspect:
    """A resource that may exist.

    Attributes:
        state: the resource as the engine was about to make it, secrets in plain text.
        trace: how it is found.
        provider: URN of its provider.
    """

    state: State
    trace: Trace
    provider: str

    @classmethod
    def of(cls, state: State) -> "Suspect":
        """Give the suspect that a resource of a state is."""
        return cls(state, trace_of(state["type"]), (state.get("provider") or "").rpartition("::")[0])

    @property
    def urn(self) -> str:
        """Its URN."""
        return self.state["urn"]

    @property
    def name(self) -> str:
        """Its name in the program."""
        return self.urn.split("::", 3)[3]


def candidates(
    suspects: Iterable[Suspect], providers: Sequence[State], scratch: ScratchStack
) -> tuple[list[State], dict[str, str]]:
    """Give every resource that may be one of the suspects, under the id by which it can be asked for.

    Args:
        suspects: what may exist.
        providers: the state's providers, secrets in plain text.
        scratch: by which functions are called where ids alone don't do.

    Returns:
        Resources without outputs, as an import reads them, and by URN why nobody but a person can look for some.
    """
    found: list[State] = []
    unknown: dict[str, str] = {}
    asked: list[tuple[Suspect, Question]] = []
    by_urn = {each["urn"]: each for each in providers}
    for suspect in suspects:
        config = revealed(by_urn.get(suspect.provider, {}).get("inputs") or {})
        try:
            match suspect.trace:
                case ById(templates=templates):
                    found.append(_under(suspect, first_filled(templates, _known(suspect, config))))
                case ByTag():
                    asked.extend((suspect, question) for question in _by_tag(suspect, str(config.get("region") or "")))
                case InList(function=function, arguments=arguments):
                    filled = fill(arguments, _known(suspect, config), "")
                    asked.append((suspect, Question(suspect.provider, function, filled)))
                case Unknowable(where=where):
                    unknown[suspect.urn] = f"the cloud draws its id, and no function lists it: see {where}"
                case MadeAgain():
                    continue
        except PlaceUnknownError as error:
            unknown[suspect.urn] = f"its id can't be told from its inputs ({error})"
    if asked:
        answers = scratch.answers([question for _, question in asked], providers)
        for (suspect, _), answer in zip(asked, answers, strict=True):
            config = revealed(by_urn[suspect.provider].get("inputs") or {})
            found.extend(_under(suspect, each) for each in _told(suspect, answer, _known(suspect, config)))
    return found, unknown


def _under(suspect: Suspect, called: str) -> State:
    return {**suspect.state, "id": called, "outputs": {}}


def _known(suspect: Suspect, config: Mapping[str, Any]) -> dict[str, Any]:
    """Give what templates may name: the inputs, and where the provider works."""
    token = suspect.state["type"]
    cloud = CLOUDS[token.partition(":")[0]]
    inputs = revealed(suspect.state.get("inputs") or {})
    scope = scope_of(cloud, config, {})
    return place_known(cloud, cloud.row(token), token, scope, inputs=inputs, logical_name=suspect.name)


def _by_tag(suspect: Suspect, region: str) -> Iterable[Question]:
    """Ask for what carries this stack's tag and this resource's name, where it can be."""
    tags = revealed(suspect.state.get("inputs") or {}).get("tags") or {}
    if STACK_TAG not in tags or NAME_TAG not in tags:
        raise PlaceUnknownError(f"tags {STACK_TAG} and {NAME_TAG}")
    filters = [{"key": key, "values": [tags[key]]} for key in (STACK_TAG, NAME_TAG)]
    own = suspect.state["inputs"].get("region") or region
    places = {own, _GLOBAL_REGION} if isinstance(suspect.trace, ByTag) and suspect.trace.service in _GLOBAL else {own}
    for place in sorted(places):
        yield Question(suspect.provider, LIST_BY_TAG, {"tagFilters": filters, "region": place})


def _told(suspect: Suspect, answer: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """Read from an answer what an import calls the resources that may be the suspect."""
    match suspect.trace:
        case ByTag(called=called) as trace:
            arns = [each["resourceArn"] for each in answer.get("resourceTagMappingLists") or ()]
            return [fill(called, {**known, "arn": arn}, "") for arn in arns if trace.fits(arn)]
        case InList(list=name, where=where, id=key):
            wanted = fill(where, known, "")
            return [
                each[key]
                for each in answer.get(name) or ()
                if all(each.get(part) == value for part, value in wanted.items())
            ]
        case _:
            return []


def owner_of(found: State) -> str | None:
    """Name the stack that a resource says it belongs to; None where it says nothing."""
    told = revealed({**(found.get("inputs") or {}), **(found.get("outputs") or {})})
    for key in _TAGGED:
        tags = told.get(key)
        if isinstance(tags, Mapping) and tags.get(STACK_TAG) is not None:
            return str(tags[STACK_TAG])
    return None


def revealed(value: Any) -> Any:
    """Give a tree of a state with its secrets opened; the state was exported with them in plain text."""
    if isinstance(value, Mapping):
        if SIGNATURE_KEY in value and "plaintext" in value:
            return json.loads(value["plaintext"])
        return {key: revealed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [revealed(item) for item in value]
    return value
