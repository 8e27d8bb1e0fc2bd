"""Which resource types take tags and keys: read from the Python SDKs' sources into a file that the pack carries.

The SDKs are half a gigabyte and a second to import; a policy pack starts with every preview. So `arguments.txt` holds
what rules about *every* type need, one line a type:

    aws:sqs/queue:Queue tags kmsMasterKeyId

`python -m infra.policy.arguments` writes it anew after an SDK's update; a test compares the two.
"""

import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from pydantic.alias_generators import to_camel

FILE: Final = Path(__file__).with_name("arguments.txt")
_TOKEN: Final = re.compile(r"super\(\w+, __self__\)\.__init__\(\s*'((?:aws|azure-native|gcp):[^']+)'")
_ARGUMENTS: Final = re.compile(r"def __init__\(__self__, \*,(.*?)\)(?: ->|:)", re.DOTALL)
_ARGUMENT: Final = re.compile(r"^\s+(\w+): ", re.MULTILINE)
_TAGS: Final[Mapping[str, tuple[str, ...]]] = {
    "pulumi_aws": ("tags",),
    "pulumi_azure_native": ("tags",),
    # Its `tags` are for firewalls and for the organisation's policies.
    "pulumi_gcp": ("labels", "resource_labels", "user_labels"),
}
"""What each SDK calls them."""
_KEYS: Final = frozenset(
    {
        "customer_encryption_key_arn",
        "customer_managed_key",
        "customer_managed_key_arn",
        "encryption_key_name",
        "kms_arn",
        "kms_encryption_key",
        "kms_key",
        "kms_key_arn",
        "kms_key_id",
        "kms_key_identifier",
        "kms_key_name",
        "kms_master_key_id",
    }
)
"""Names under which resources take the key that encrypts what they store."""


@dataclass(frozen=True)
class Arguments:
    """What a resource type takes.

    Attributes:
        tags: Name of the property with its tags or labels; empty where it takes none.
        keys: Names of properties with a customer-managed key.
    """

    tags: str = ""
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.tags or "-", *self.keys))


@cache
def known() -> Mapping[str, Arguments]:
    """Read the file: arguments by resource type, for types that take any of them."""
    found = {}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        kind, tags, *keys = line.split()
        found[kind] = Arguments("" if tags == "-" else tags, tuple(keys))
    return found


def scan(package: str) -> Iterator[tuple[str, Arguments]]:
    """Read them from an installed SDK's sources."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        msg = f"the Python package {package} isn't installed: run `make setup-all`"
        raise ModuleNotFoundError(msg)
    for file in sorted(Path(spec.origin).parent.rglob("[a-z]*.py")):
        if file.name.startswith("get_") or re.fullmatch(r"v\d{8}\w*", file.parent.name):
            continue
        text = file.read_text(encoding="utf-8")
        token = _TOKEN.search(text)
        arguments = _ARGUMENTS.search(text)
        if token is None or arguments is None:
            continue
        names = _ARGUMENT.findall(arguments[1])
        tags = next((name for name in _TAGS[package] if name in names and _is_map(arguments[1], name)), "")
        keys = tuple(sorted(to_camel(name) for name in names if name in _KEYS))
        if tags or keys:
            yield token[1], Arguments(to_camel(tags) if tags else "", keys)


def _is_map(arguments: str, name: str) -> bool:
    """Tell tags from lists of that name, which some types have."""
    return re.search(rf"^\s+{name}: .*Mapping\[", arguments, re.MULTILINE) is not None


def render() -> str:
    """Give the file's text for the installed SDKs."""
    found = {kind: arguments for package in _TAGS for kind, arguments in scan(package)}
    return "".join(f"{kind} {arguments}\n" for kind, arguments in sorted(found.items()))


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
    sys.stdout.write(f"{FILE}: {len(FILE.read_text(encoding='utf-8').splitlines())} types\n")
