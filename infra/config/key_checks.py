"""Rules of API keys."""

from collections.abc import Iterator

from infra.config.placement import Cloud
from infra.config.problem import Problem
from infra.config.settings import StackSettings
from infra.config.workloads import DEMO_KEYS


def check_keys(settings: StackSettings) -> Iterator[Problem]:
    """Find keys of one id, and in clouds those of tenants that the stack doesn't host."""
    hosted = {tenant.name for tenant in settings.tenants}
    unnamed = hosted - {key.tenant for key in settings.keys}
    anybody = settings.cloud is Cloud.LOCAL or settings.keys == DEMO_KEYS
    seen: set[str] = set()
    for index, key in enumerate(settings.keys):
        if not anybody and key.tenant not in hosted:
            problem = f"no tenant {key.tenant!r} names this stack: add it with `fleet tenant add`"
            yield Problem(("keys", index, "tenant"), problem)
        if key.id in seen:
            yield Problem(("keys", index, "id"), f"the id {key.id!r} is there twice: each key needs an id of its own")
        elif key.id in unnamed:
            problem = f"{key.id!r} is the id of the key that tenant {key.id} gets: choose another"
            yield Problem(("keys", index, "id"), problem)
        seen.add(key.id)
