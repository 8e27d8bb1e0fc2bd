"""What a stack's clouds still hold of it: what any of its states knew, and what carries its tags."""

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fleet.inventory.order import State
from fleet.inventory.scratch import Question, ScratchStack
from fleet.inventory.suspects import LIST_BY_TAG, owner_of, revealed
from fleet.inventory.traces import CLOUDS, TRACES, ByTag
from infra.marks import NAME_TAG, STACK_TAG
from infra.policy.rules.data import DATA_PROTECTED
from toolchain.file_backend import folder_of
from toolchain.provider.properties import SIGNATURE_KEY

_OUTSIDE_LABELS: Final = re.compile(r"[^a-z0-9_-]")
_ID_LENGTH: Final = 8
"""Ids of fewer characters aren't looked for in other resources' inputs: `default` says nothing."""
_LOCK: Final = "azure-native:authorization:ManagementLock"
"""How the types of Azure's locks begin: by each the cloud protects something that holds data."""
_HOLDING: Final = frozenset(
    {*DATA_PROTECTED.checks, "aws:fsx/lustreFileSystem:LustreFileSystem", "aws:route53/zone:Zone"}
)
"""Types whose deletion loses what no update brings back: what the policy protects, working copies, delegated zones."""


@dataclass(frozen=True, order=True)
class Leftover:
    """One resource that is there.

    Attributes:
        urn: its URN, of the program or made up from its tag.
        type: its type token.
        id: its id.
        in_state: whether the stack's state holds it.
        protected: whether the engine or the cloud keeps it from being deleted.
        state: it, as the cloud tells it, with what it depends on.
    """

    urn: str
    type: str
    id: str
    in_state: bool
    protected: bool
    state: State

    @property
    def name(self) -> str:
        """Its name in the program."""
        return self.urn.split("::", 3)[3]

    def as_row(self) -> dict[str, str]:
        """Give it for a table."""
        return {
            "type": self.type.split(":", 1)[-1],
            "name": self.name,
            "id": self.id,
            "in state": "yes" if self.in_state else "no",
            "protected": "yes" if self.protected else "no",
        }


def remembered(backend: str, project: str, stack: str) -> Iterator[Mapping[str, Any]]:
    """Give the earlier deployments of a stack that a backend in a folder keeps, the latest last."""
    root = folder_of(backend)
    if root is None:
        return
    files = [
        *(root / "backups" / project / stack).glob("*.json*"),
        *(root / "history" / project / stack).glob("*.checkpoint.json*"),
    ]
    for file in sorted(files, key=lambda each: each.stat().st_mtime):
        if file.name.endswith(".attrs"):
            continue
        raw = file.read_bytes()
        told = json.loads(gzip.decompress(raw) if file.suffix == ".gz" else raw)
        latest = (told.get("checkpoint") or {}).get("latest")
        if latest:
            yield latest


def known_resources(deployments: Iterable[Mapping[str, Any]]) -> list[State]:
    """Give all resources of clouds that deployments hold, each id once, as the last of them has it."""
    found: dict[tuple[str, str], State] = {}
    for deployment in deployments:
        for each in deployment.get("resources") or ():
            if each.get("custom") and each["type"].partition(":")[0] in CLOUDS and each.get("id"):
                found[each["type"], each["id"]] = without_secrets(each)
    return list(found.values())


def without_secrets(value: Any) -> Any:
    """Give a tree of a state without its secrets: an earlier state's can't be decrypted here."""
    if isinstance(value, Mapping):
        return {key: without_secrets(item) for key, item in value.items() if not _is_marked(item)}
    if isinstance(value, list):
        return [without_secrets(item) for item in value if not _is_marked(item)]
    return value


def _is_marked(value: Any) -> bool:
    return isinstance(value, Mapping) and SIGNATURE_KEY in value


def by_tag(stack: str, project: str, provider: State, scratch: ScratchStack) -> list[State]:
    """List what carries a stack's tag and a name of its program in AWS's list; nothing but the id is known of it.

    What others make under the stack's tag, instances of a launch template for instance, has no such name.

    Args:
        stack: the stack.
        project: its project.
        provider: the provider that is asked.
        scratch: by which it is.
    """
    region = str(revealed(provider.get("inputs") or {}).get("region") or "")
    asked = [
        Question(provider["urn"], LIST_BY_TAG, {"region": place, "tagFilters": [{"key": STACK_TAG, "values": [stack]}]})
        for place in sorted({region, "us-east-1"} - {""})
    ]
    found: dict[str, State] = {}
    for answer in scratch.answers(asked, [provider]):
        for entry in answer.get("resourceTagMappingLists") or ():
            arn, tags = entry["resourceArn"], entry.get("tags") or {}
            if not tags.get(NAME_TAG):
                continue
            for token, trace in TRACES.items():
                if isinstance(trace, ByTag) and trace.listed and trace.fits(arn):
                    found[arn] = {
                        "urn": f"urn:pulumi:{stack}::{project}::{token}::{tags[NAME_TAG]}",
                        "type": token,
                        "custom": True,
                        "id": trace.id_of(arn),
                        "inputs": {},
                        "outputs": {},
                        "provider": f"{provider['urn']}::{provider['id']}",
                    }
                    break
    return list(found.values())


def unguessed(listed: Sequence[State], known: Sequence[State]) -> list[State]:
    """Leave out of a list by tag what a state knows, by its id alone: an ARN doesn't always say the type.

    A network's default group is listed as any other, and a region's copy of a key as a key.
    """
    ids = {each["id"] for each in known}
    return [each for each in listed if each["id"] not in ids]


def is_default_group(state: State) -> bool:
    """Tell whether it is a network's own security group: nobody made it, and it goes with the network.

    No other has its name (docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html).
    """
    return (
        state["type"] == "aws:ec2/securityGroup:SecurityGroup" and (state.get("outputs") or {}).get("name") == "default"
    )


def guards(state: State, listed: frozenset[tuple[str, str]]) -> bool:
    """Tell whether a resource is kept although nothing says that it is protected.

    Args:
        state: the resource.
        listed: type and id of what only a list by tag knows: no state is left that says whether it was protected, so
            whatever holds data or keys counts as protected.
    """
    if state["type"].startswith(_LOCK):
        return True
    return (state["type"], state["id"]) in listed and state["type"] in _HOLDING


def related(resources: Sequence[State]) -> list[State]:
    """Let each resource that says nothing of what it depends on depend on those whose ids its inputs name.

    A resource of another stack's isn't among them, and what would close a circle is left out.
    """
    ids = {each["id"]: each["urn"] for each in resources if len(each["id"]) >= _ID_LENGTH}
    arns = {str((each.get("outputs") or {}).get("arn")): each["urn"] for each in resources} if resources else {}
    arns.pop("None", None)
    needs: dict[str, set[str]] = {each["urn"]: set(each.get("dependencies") or ()) for each in resources}
    for each in resources:
        if each.get("dependencies"):
            continue
        for text in _texts(revealed(each.get("inputs") or {})):
            other = ids.get(text) or arns.get(text)
            if other is not None and other != each["urn"] and each["urn"] not in _all_needs(other, needs):
                needs[each["urn"]].add(other)
    return [{**each, "dependencies": sorted(needs[each["urn"]])} for each in resources]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _all_needs(urn: str, needs: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [urn]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(needs.get(one, ()))
    return found


def of_this_stack(stack: str, found: Iterable[State], others: frozenset[tuple[str, str]]) -> list[State]:
    """Leave out what another stack's state holds, or what says by its tags that it is another's."""
    label = _OUTSIDE_LABELS.sub("-", stack.lower())  # what Google Cloud's labels make of a name
    return [
        each for each in found if (each["type"], each["id"]) not in others and owner_of(each) in {None, stack, label}
    ]
