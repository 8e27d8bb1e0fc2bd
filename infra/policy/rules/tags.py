"""Every resource says whose it is."""

from collections.abc import Iterator, Mapping
from typing import Final

from infra.policy.arguments import known
from infra.policy.inputs import Inputs
from infra.policy.rule import Rule, Severity, Subject

REQUIRED: Final = ("environment", "owner", "modelfleet-stack")
"""Tags that every stack gives its resources: two from its settings, and its name."""
_NESTED: Final[Mapping[str, str]] = {
    "gcp:sql/databaseInstance:DatabaseInstance": "settings.userLabels",
    "gcp:container/nodePool:NodePool": "nodeConfig.resourceLabels",
    "gcp:monitoring/notificationChannel:NotificationChannel": "userLabels",
}
"""Types whose labels are not at the top."""
_DEFAULTS: Final[Mapping[str, str]] = {"aws": "defaultTags", "gcp": "defaultLabels"}
"""Where a provider is told tags for all of its resources; inside, AWS has a further `tags`."""


def _tagged(subject: Subject) -> Iterator[str]:
    arguments = known().get(subject.kind)
    path = _NESTED.get(subject.kind) or (arguments.tags if arguments else "")
    if not path:
        return
    present = {key.lower() for part in subject.inputs.blocks(path) for key in part.names()}
    present |= {key.lower() for key in _default_keys(subject.kind, subject.provider)}
    missing = [key for key in REQUIRED if key not in present]
    if missing:
        yield f"{path} lacks {', '.join(missing)}"


def _default_keys(kind: str, provider: Inputs | None) -> Iterator[str]:
    if provider is None or (path := _DEFAULTS.get(kind.partition(":")[0])) is None:
        return
    for document in provider.documents(path):
        tags = list(document.blocks("tags"))
        for part in tags or [document]:
            yield from part.names()


TAGS = Rule(
    id="tags-required",
    severity=Severity.MEDIUM,
    demand=f"Whatever takes tags or labels has {', '.join(REQUIRED)}.",
    why="Bills are split, leftovers found and incidents answered by tags.",
    remedy="Pass the stack's tags to the resource, or to its provider as defaults.",
    checks={"aws:*": _tagged, "azure-native:*": _tagged, "gcp:*": _tagged},
    sources=("https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html",),
)

RULES = (TAGS,)
