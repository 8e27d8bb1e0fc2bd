"""docs/policies.md, written from the rules: `python -m infra.policy.catalogue` writes it, a test keeps it current."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from infra.policy.rule import Rule
from infra.policy.rules import RULES

FILE: Final = Path(__file__).parents[2] / "docs" / "policies.md"
_HEAD: Final = """\
# Policies

What every stack must keep to. The engine applies the pack to each resource before it is made or changed, in previews
and in updates: `fleet up`, `fleet preview` and `fleet rehearse` pass it by themselves, with the plain CLI it is

```sh
pulumi up --policy-pack infra/policy
```

A self-managed backend runs no pack by itself. Every violation stops the run; its message names the rule, what is wrong
and what to do. This page is written from the rules: `python -m infra.policy.catalogue`.

## What a preview can't tell

In a preview, results of resources that are not there yet are unknown. A rule for which one decides doesn't pass in
silence: the engine prints, as advice, which rule waits for which value. The update judges it when the value is known,
before that resource is made. References (the key of a bucket, the WAF of a front) count as given when they point to
something that is still to be made.

Rules that look at several resources together (marked *together* below) are judged at the end of a run. For an update
that is after the resources were made, so `fleet up` previews a cloud's stack first: the preview judges them from the
program's own references, and stops before anything is changed.

The rules on single resources are one policy to the engine, `rules`: pulumi-policy unpacks a resource again for each
policy, and the engine waits for it.

## Exemptions

`infra/policy/exemptions.yaml` names a rule, the resources by URN (`*` stands for any text), a reason and the last day:

```yaml
exemptions:
  - rule: image-by-digest
    resource: urn:pulumi:aws-us-east-1::modelfleet::*::debug-shell
    reason: The vendor publishes no digest for this release; ticket OPS-1234
    expires: 2027-01-31
```

Each run reports the exemptions in force and how many resources used them. One that has expired stops every run until it
is renewed or removed. This repository's stacks need none.

Taking data down (`fleet down STACK --delete-data`) sets `modelfleet:deleteData`, which lifts `data-protected` for that
stack; nothing else is lifted by it. The key and the files of a leaving tenant carry the tag `modelfleet-leaving`, which
lifts it for them alone (`fleet tenant remove`).

## Rules

"""


def render() -> str:
    """Give the page's text."""
    return _HEAD + "\n".join(_contents()) + "\n\n" + "\n".join(line for rule in RULES for line in _section(rule))


def _contents() -> Iterator[str]:
    yield "| rule | severity | demand |"
    yield "|---|---|---|"
    for rule in RULES:
        yield f"| [{rule.id}](#{_anchor(rule)}) | {rule.severity} | {rule.demand} |"


def _section(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id}\n"
    yield f"{rule.demand}\n"
    yield f"*Why:* {rule.why}\n"
    yield f"*Remedy:* {rule.remedy}\n"
    single = sorted(rule.checks)
    together = sorted(rule.member_checks)
    if single:
        yield f"Looks at {', '.join(f'`{_shown(kind)}`' for kind in single)}.\n"
    if together:
        yield f"Looks *together* at {', '.join(f'`{_shown(kind)}`' for kind in together)} and what is made for them.\n"
    if rule.sources:
        yield f"Sources: {', '.join(f'<{source}>' for source in rule.sources)}\n"


def _shown(kind: str) -> str:
    """`aws:s3/Bucket`: a type without the module's second name."""
    package, _, rest = kind.partition(":")
    module, _, name = rest.rpartition(":")
    return f"{package}:{module.partition('/')[0]}/{name}" if module else kind


def _anchor(rule: Rule) -> str:
    return rule.id.replace(".", "")


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
    sys.stdout.write(f"{FILE}: {len(RULES)} rules\n")
