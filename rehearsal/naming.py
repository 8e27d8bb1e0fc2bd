"""Names of resources: the ones that the engine proposes where a program gives none."""

import hashlib
from typing import Any

from rehearsal.differences import DEFAULTS
from rehearsal.table import Row
from toolchain.provider.interface import AutonamingMode, CheckRequest


def name_resource(row: Row, request: CheckRequest) -> dict[str, Any]:
    """Give the inputs with a name: the program's, the one it got before, or a new one.

    A new name is the resource's own with seven random hexadecimal digits, as the official plugins make it, so that a
    replacement can be made before the old resource goes.
    """
    news = {key: value for key, value in request.news.items() if key != DEFAULTS}
    if not row.name or news.get(row.name) is not None:
        return news
    if request.autonaming is not None and request.autonaming[0] is AutonamingMode.DISABLE:
        return news
    before = request.olds or {}
    if row.name in before and row.name in before.get(DEFAULTS, ()):
        name = before[row.name]
    elif request.autonaming is not None and request.autonaming[1]:
        name = request.autonaming[1]
    else:
        name = f"{request.name}-{hashlib.sha256(request.random_seed).hexdigest()[:7]}"
    return {**news, row.name: name, DEFAULTS: [row.name]}
