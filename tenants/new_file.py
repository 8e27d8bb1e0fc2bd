"""The file of a new tenant: its plan's amounts, each with its meaning beside it."""

from collections.abc import Sequence
from typing import Any

from documents import FileModel
from tenants.plans import PLANS
from tenants.tenant import Plan, Tenant


def new_tenant_file(
    name: str,
    *,
    plan: Plan,
    stacks: Sequence[str],
    residency: Sequence[str] = (),
    admins: Sequence[str] = (),
    viewers: Sequence[str] = (),
    domain: str | None = None,
    gpu_pool: str | None = None,
) -> str:
    """Write the text of a new tenant's file; whether it is right is `TenantFolder.write`'s to say."""
    amounts = PLANS[plan]
    keys: dict[str, Any] = {"name": name, "plan": plan.value, "stacks": list(stacks)}
    optional = {
        "residency": list(residency),
        "admins": list(admins),
        "viewers": list(viewers),
        "domain": domain,
        "gpuPool": gpu_pool,
    }
    keys.update({key: value for key, value in optional.items() if value})
    keys.update(
        quotas=amounts.quotas, limits=amounts.limits, priority=amounts.priority, retentionDays=amounts.retention_days
    )
    lines = [f"# yaml-language-server: $schema=../schemas/tenant.schema.json\n# {_sentence(plan, stacks)}"]
    for key, value in keys.items():
        if isinstance(value, FileModel):
            lines.append(f"{key}:")
            lines.extend(f"  {line}" for line in _described(value))
        else:
            lines.append(f"{key}: {_written(value)}{_comment(Tenant, key)}")
    return "\n".join(lines) + "\n"


def _sentence(plan: Plan, stacks: Sequence[str]) -> str:
    return f"A tenant on the plan {plan}, hosted by {', '.join(stacks)}; `fleet tenant --help` tells how it changes."


def _described(model: FileModel) -> list[str]:
    written = model.model_dump(mode="json", by_alias=True)
    return [f"{key}: {_written(value)}{_comment(type(model), key)}" for key, value in written.items()]


def _comment(model: type[FileModel], key: str) -> str:
    field = next(field for name, field in model.model_fields.items() if key in {name, field.alias})
    return f"  # {field.description}" if key not in {"name", "stacks"} else ""


def _written(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_written(item) for item in value) + "]"
    text = str(value)
    # A string that YAML would read as something else is quoted: "16" is an amount of CPU, NO a country.
    plain = text[:1].isalpha() and all(char.isalnum() or char in "-._/:@" for char in text)
    ambiguous = text.lower() in {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
    quoted = isinstance(value, str) and (not plain or ambiguous)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if quoted else text
