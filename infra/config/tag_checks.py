"""Rules of tags: what each cloud lets one say."""

import re
from collections.abc import Iterator

from infra.config.placement import Cloud
from infra.config.problem import Problem
from infra.config.settings import StackSettings
from infra.marks import NAME_TAG, STACK_TAG, TENANT_TAG

OURS = frozenset({"environment", "owner", STACK_TAG, NAME_TAG, TENANT_TAG})
"""Tags that the program writes itself."""

_KEYS = {
    # https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
    Cloud.AWS: (re.compile(r"(?!aws:)[\w\s.:/=+@-]{1,128}"), "up to 128 letters, digits, spaces and . : / = + @ - _"),
    # https://learn.microsoft.com/en-us/azure/azure-resource-manager/management/tag-resources
    Cloud.AZURE: (re.compile(r"[^<>%&\\?/]{1,128}"), "up to 128 characters, none of < > % & \\ ? /"),
    # https://docs.cloud.google.com/compute/docs/labeling-resources
    Cloud.GCP: (
        re.compile(r"[a-z][-_a-z0-9]{0,62}"),
        "up to 63 lower-case letters, digits, '-' and '_', a letter first",
    ),
}
_VALUES = {
    Cloud.AWS: (re.compile(r"[\w\s.:/=+@-]{0,256}"), "up to 256 letters, digits, spaces and . : / = + @ - _"),
    Cloud.AZURE: (re.compile(r".{0,256}"), "up to 256 characters"),
    Cloud.GCP: (re.compile(r"[-_a-z0-9]{0,63}"), "up to 63 lower-case letters, digits, '-' and '_'"),
}


def check_tags(settings: StackSettings) -> Iterator[Problem]:
    """Find tags that the stack's cloud doesn't take, or that the program writes itself."""
    if settings.cloud is Cloud.LOCAL:
        return
    pattern, right = _KEYS[settings.cloud]
    for key in settings.tags:
        if key.lower() in OURS:
            yield Problem(("tags", key), f"is the program's own (with {', '.join(sorted(OURS))}): choose another name")
        elif not pattern.fullmatch(key):
            yield Problem(("tags", key), f"is no name of a tag on {settings.cloud}: use {right}")
    pattern, right = _VALUES[settings.cloud]
    for path, value in (
        (("owner",), settings.owner),
        *((("tags", key), value) for key, value in settings.tags.items()),
    ):
        if not pattern.fullmatch(value):
            yield Problem(path, f"{value!r} is no value of a tag on {settings.cloud}: use {right}")
