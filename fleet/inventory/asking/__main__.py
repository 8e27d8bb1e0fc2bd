"""The program that asks: it makes nothing, calls the functions that `questions.json` names, and exports the answers.

A copy of it is run by `fleet.inventory.scratch`; it imports nothing of ours.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi


async def answers(questions: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Call every function, each provider once made."""
    providers: dict[str, pulumi.ProviderResource] = {}
    asked = []
    for question in questions:
        key = json.dumps(question["provider"], sort_keys=True)
        if key not in providers:
            package = question["package"]
            providers[key] = pulumi.ProviderResource(package, f"{package}-{len(providers)}", question["provider"])
        options = pulumi.InvokeOptions(provider=providers[key])
        asked.append(pulumi.runtime.invoke_async(question["token"], question["arguments"], options))
    return list(await asyncio.gather(*asked))


read = json.loads(Path("questions.json").read_text(encoding="utf-8"))
pulumi.export("answers", pulumi.Output.from_input(answers(read)))
