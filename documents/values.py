"""Values that stack and tenant files share: names, amounts, references, each told what would be right.

Every model here is frozen, has camelCase keys in files (as Pulumi's own) and takes no key that it doesn't know.
"""

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

_DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_HOST_NAME = re.compile(r"(?=.{4,253}$)([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DIGEST_REFERENCE = re.compile(r"[a-z0-9][-a-z0-9._:/]*@sha256:[0-9a-f]{64}")
_CPU = re.compile(r"[0-9]+m|[0-9]+(\.[0-9]{1,3})?")
_MEMORY = re.compile(r"[1-9][0-9]*(Ki|Mi|Gi|Ti)")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]{2,}", re.IGNORECASE)

BUILD = "build"
"""The image value that means: build it from this checkout."""


def _dns_label(value: str) -> str:
    # RFC 1123 labels, started by a letter: the strictest of what Kubernetes asks of names and Services.
    if len(value) > 40 or not _DNS_LABEL.fullmatch(value):
        msg = f"{value!r} is not a name: use at most 40 lower-case letters, digits and '-', starting with a letter"
        raise ValueError(msg)
    return value


def _pattern(pattern: re.Pattern[str], otherwise: str) -> AfterValidator:
    """A text of a pattern; `otherwise` says what another one is not, and what to write."""

    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            msg = f"{value!r} is not {otherwise}"
            raise ValueError(msg)
        return value

    return AfterValidator(check)


def _image(value: str) -> str:
    if value == BUILD or _DIGEST_REFERENCE.fullmatch(value):
        return value
    msg = (
        f"{value!r} is not an image: use 'build' (made from this checkout) or a reference by digest, "
        "such as registry.example/server@sha256:<64 hex digits>; tags are refused, they can be moved"
    )
    raise ValueError(msg)


def _cidr(value: str) -> str:
    msg = f"{value!r} is not an IPv4 range: use a network address and a prefix, such as 10.20.0.0/16"
    try:
        ipaddress.IPv4Network(value)
    except ValueError as error:
        raise ValueError(msg) from error
    if "/" not in value:
        raise ValueError(msg)
    return value


Name = Annotated[str, AfterValidator(_dns_label)]
HostName = Annotated[
    str, _pattern(_HOST_NAME, "a host name: use a full lower-case domain name, such as models.example.com")
]
ImageReference = Annotated[str, AfterValidator(_image)]
Digest = Annotated[
    str, _pattern(_DIGEST, "a digest: use 'sha256:' and 64 hex digits, as `fleet model manifest` prints it")
]
CpuQuantity = Annotated[
    str,
    _pattern(_CPU, "an amount of CPU: use cores ('1', '0.5') or thousandths of one ('500m')"),
    Field(coerce_numbers_to_str=True),
]
MemoryQuantity = Annotated[
    str,
    _pattern(_MEMORY, "an amount of memory: use a whole number and a binary unit, such as '512Mi' or '2Gi'"),
]
Cidr = Annotated[str, AfterValidator(_cidr)]
Email = Annotated[str, _pattern(_EMAIL, "an e-mail address: use one that is read, such as models-oncall@example.com")]


class FileModel(BaseModel):
    """A part of a file that people write: frozen, camelCase, and a key that nobody knows is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, defer_build=True
    )
