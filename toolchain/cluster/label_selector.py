"""Kubernetes' label selectors (k8s.io/apimachinery, metav1.LabelSelector)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of ``matchExpressions``."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether ``labels`` meet it; an operator that Kubernetes doesn't have meets nothing."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels
        return False


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """A selector: all requirements must be met, so that an empty one selects everything."""

    requirements: tuple[Requirement, ...] = ()

    @classmethod
    def of(cls, selector: Mapping[str, Any]) -> "LabelSelector":
        """Read a selector."""
        exact = (
            Requirement(key, "In", frozenset({value})) for key, value in (selector.get("matchLabels") or {}).items()
        )
        expressions = (
            Requirement(one["key"], one["operator"], frozenset(one.get("values") or ()))
            for one in selector.get("matchExpressions") or ()
        )
        return cls((*exact, *expressions))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether ``labels`` meet every requirement."""
        return all(requirement.matches(labels) for requirement in self.requirements)
