"""What a release consists of: the images and the model that a stack's file pins by digest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import Field, TypeAdapter, ValidationError

from documents.values import BUILD, Digest, ImageReference
from release.errors import ReleaseError
from release.stored import Stored


class Component(StrEnum):
    """One thing that is pinned by digest."""

    SERVER = "server"
    GATEWAY = "gateway"
    MODEL = "model"


_REFERENCE: Final = TypeAdapter[str](ImageReference)
_DIGEST: Final = TypeAdapter[str](Digest)


@dataclass(frozen=True)
class Difference:
    """A component that differs between two releases; None where one doesn't pin it."""

    component: Component
    before: str | None
    after: str | None


class Artefacts(Stored):
    """What a stack's file pins.

    Attributes:
        server: The model server's image by digest, or `build`.
        gateway: The gateway's, likewise.
        model: Digest of the model's manifest; None on a local stack that computes it.
    """

    server: ImageReference
    gateway: ImageReference
    model: Digest | None = None

    def of(self, component: Component) -> str | None:
        """Give one component's value."""
        return {Component.SERVER: self.server, Component.GATEWAY: self.gateway, Component.MODEL: self.model}[component]

    def differences(self, after: "Artefacts") -> Iterator[Difference]:
        """Give what another release has differently."""
        for component in Component:
            if self.of(component) != after.of(component):
                yield Difference(component, self.of(component), after.of(component))

    @property
    def digests(self) -> list[str]:
        """The images' digests, without their repositories; an image that is built has none here."""
        return [value.rpartition("@")[2] for value in (self.server, self.gateway) if value != BUILD]

    def pins(self, word: str) -> bool:
        """Tell whether a digest, or its first 12 digits or more, is one of these; `gateway=DIGEST`: the gateway's."""
        name, _, digest = word.rpartition("=")
        values = [value for component in Component if (value := self.of(component)) and name in {component, ""}]
        wanted = digest.rpartition("@")[2].removeprefix("sha256:")
        return len(wanted) >= _SHORT and any(value.rpartition("sha256:")[2].startswith(wanted) for value in values)

    @property
    def words(self) -> list[str]:
        """All digests by component, as a command takes them; an image that is built from the checkout has none."""
        pinned = {component: self.of(component) for component in Component}
        return [
            f"{component}={value.rpartition('@')[2]}"
            for component, value in pinned.items()
            if value is not None and value != BUILD
        ]


_SHORT: Final = 12
"""Hex digits by which people tell digests apart."""


class Target(Stored):
    """What is asked for: digests or full references by component; what isn't named stays as it is."""

    wanted: Mapping[Component, str] = Field(min_length=1)

    @classmethod
    def parse(cls, words: Sequence[str]) -> "Target":
        """Read a command's words: `DIGEST` (the server's), `gateway=DIGEST`, `server=REPOSITORY@DIGEST`.

        Raises:
            ReleaseError: a word is none of these, or a component is named twice.
        """
        wanted: dict[Component, str] = {}
        for word in words:
            name, equals, value = word.partition("=")
            if not equals:
                name, value = Component.SERVER, word
            if name not in set(Component):
                raise ReleaseError(f"{word!r}: {name!r} is no component; there are: {', '.join(Component)}")
            component = Component(name)
            if component in wanted:
                raise ReleaseError(f"{word!r}: {component} is named twice")
            wanted[component] = _checked(component, word, value)
        if not wanted:
            raise ReleaseError("nothing to release: name a digest, such as sha256:<64 hex digits>")
        return cls(wanted=wanted)

    @classmethod
    def exactly(cls, artefacts: Artefacts) -> "Target":
        """Ask for just these."""
        return cls(wanted={component: value for component in Component if (value := artefacts.of(component))})

    def applied(self, present: Artefacts, stack: str) -> Artefacts:
        """Give what a stack is to pin: a bare digest goes into the repository that the present image is from.

        Raises:
            ReleaseError: the present image is built from the checkout, so it has no repository.
        """
        values = {component: present.of(component) for component in Component}
        for component, value in self.wanted.items():
            values[component] = value
            if component is not Component.MODEL and value.startswith("sha256:"):
                repository, _, _ = (present.of(component) or BUILD).partition("@")
                if repository == BUILD:
                    raise ReleaseError(
                        f"stack {stack} builds its {component} from the checkout, so a bare digest has no repository: "
                        f"name it in full, as {component}=registry.example/{component}@{value}"
                    )
                values[component] = f"{repository}@{value}"
        return Artefacts.model_validate(values)

    def __str__(self) -> str:
        return ", ".join(f"{component} {short(value)}" for component, value in self.wanted.items())


def short(value: str | None) -> str:
    """Write a digest or a reference by digest as people read it."""
    if value is None:
        return "-"
    repository, _, digest = value.rpartition("sha256:")
    return value if not _ else f"{repository}{digest[:_SHORT]}"


def _checked(component: Component, word: str, value: str) -> str:
    bare = value.startswith("sha256:")
    kind = _DIGEST if bare or component is Component.MODEL else _REFERENCE
    try:
        checked = kind.validate_python(value)
    except ValidationError as error:
        raise ReleaseError(f"{word!r}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error
    if checked == BUILD:
        raise ReleaseError(f"{word!r}: a release is a digest; `fleet up` builds from the checkout")
    return checked
