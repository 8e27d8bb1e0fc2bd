"""Readiness as a program asks for it: the annotation `pulumi.com/waitFor`.

Understood are kubectl's `condition=Type` and `condition=Type=Value`, and `jsonpath={.a.b}=value` for plain
paths; several as a JSON array of strings, of which all must hold.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from toolchain.kubernetes_provider.readiness.verdict import READY, Verdict, condition, waiting
from toolchain.provider.interface import ProviderError

_CONDITION = re.compile(r"condition=([A-Za-z0-9./_-]+)(?:=([A-Za-z]+))?")
_JSON_PATH = re.compile(r"jsonpath=\{?((?:\.[A-Za-z0-9_-]+|\[\d+\])+)\}?(?:==?(.+))?")


def assess_requested(live: Mapping[str, Any], request: str) -> Verdict:
    """Tell whether all that the annotation asks for holds.

    Raises:
        ProviderError: the annotation has another form.
    """
    for each in parse_request(request):
        if not _holds(live, each):
            return waiting(f"waiting for {each}")
    return READY


def parse_request(request: str) -> list[str]:
    """Give the single demands of the annotation.

    Raises:
        ProviderError: it has another form.
    """
    try:
        demands = json.loads(request) if request.lstrip().startswith("[") else [request]
    except ValueError:
        demands = [request]
    for each in demands:
        if not isinstance(each, str) or not (_CONDITION.fullmatch(each) or _JSON_PATH.fullmatch(each)):
            raise ProviderError(
                f"pulumi.com/waitFor: {each!r} is neither `condition=Type[=Value]` nor `jsonpath={{.path}}=value`"
            )
    return demands


def _holds(live: Mapping[str, Any], demand: str) -> bool:
    if match := _CONDITION.fullmatch(demand):
        found = condition(live, match.group(1))
        return found is not None and str(found.get("status")).lower() == (match.group(2) or "True").lower()
    match = _JSON_PATH.fullmatch(demand)
    if match is None:
        return False
    value: Any = live
    for step in re.findall(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]", match.group(1)):
        try:
            value = value[step[0]] if step[0] else value[int(step[1])]
        except (KeyError, IndexError, TypeError):
            return False
    if match.group(2) is None:
        return value not in (None, "")
    return (json.dumps(value) if isinstance(value, bool) else str(value)) == match.group(2).strip("\"'")
