"""The digests that a stack's file pins: read and written, all else in the file left as it is."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from documents import SettingsError
from documents.yaml_edit import YamlEditError, set_at
from infra.config import StackSettings, from_stack_file
from release.artefacts import Artefacts, Component
from release.errors import RegionError

_PLACES: Final[dict[Component, tuple[str, str]]] = {
    Component.SERVER: ("modelfleet:serving", "image"),
    Component.GATEWAY: ("modelfleet:gateway", "image"),
    Component.MODEL: ("modelfleet:model", "digest"),
}


def pinned(settings: StackSettings) -> Artefacts:
    """Give what a stack's settings pin."""
    return Artefacts(server=settings.serving.image, gateway=settings.gateway.image, model=settings.model.digest)


def pin(file: Path, artefacts: Artefacts) -> None:
    """Write what a stack is to pin into its file, at once or not at all.

    Raises:
        RegionError: the file can't be changed, or what it would say isn't right; it is as it was.
    """
    try:
        before = file.read_text(encoding="utf-8")
        present = pinned(from_stack_file(file))
        text = before
        for component, place in _PLACES.items():
            value = artefacts.of(component)
            if value is not None and value != present.of(component):
                text = _with(text, place, value)
        if text == before:
            return
        _replace(file, text)
        try:
            from_stack_file(file)
        except SettingsError:
            _replace(file, before)
            raise
    except SettingsError as error:
        raise RegionError(str(error)) from error
    except (OSError, YamlEditError) as error:
        raise RegionError(f"{file.name} can't be given the release's digests: {error}; write them by hand") from error


def config_hash(settings: StackSettings) -> str:
    """Give the digest of a stack's settings without what a release pins."""
    said = settings.model_dump(mode="json", by_alias=True)
    for place, key in _PLACES.values():
        said[place.partition(":")[2]].pop(key, None)
    return "sha256:" + hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _with(text: str, place: Sequence[str], value: str) -> str:
    """Set a value, in a mapping that may not be there yet."""
    key, inner = place
    try:
        return set_at(text, ("config", key, inner), value)
    except YamlEditError:
        return set_at(text, ("config", key), f"{{{inner}: {value}}}")


def _replace(file: Path, text: str) -> None:
    beside = file.with_suffix(".yaml.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)
