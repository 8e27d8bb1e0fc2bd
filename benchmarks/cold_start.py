"""From "pod scheduled" to "first token served", and where the time goes.

Each round deletes the model server's pod and asks through the load balancer until the new one answers. Times of the
pod come from its status (whole seconds, as Kubernetes keeps them), those inside of the process from its own log.
"""

import json
import sys
import time
from collections.abc import Mapping
from datetime import datetime

from benchmarks import report
from benchmarks.local_cluster import LocalStack
from fleet.console import FleetError

ROUNDS = 5
BAR_S = 10.0
_LIMIT_S = 120.0


def main() -> int:
    """Measure, print and write."""
    stack = LocalStack.open()
    rounds = [_round(stack) for _ in range(ROUNDS)]
    parts = {name: report.spread([sample[name] for sample in rounds]) for name in rounds[0]}
    file = report.write("cold_start", {"rounds": ROUNDS, "parts": parts, "bar": f"first_token at most {BAR_S:g} s"})
    median = parts["first_token"]["median_s"]
    print(f"cold start: {median:.1f} s from scheduled to first token (bar: {BAR_S:g} s); {file}")  # noqa: T201
    return 0


def _round(stack: LocalStack) -> Mapping[str, float]:
    old = {pod["metadata"]["name"] for pod in stack.server_pods()}
    stack.kubectl("delete", "pod", "--wait=false", "--grace-period=0", "--force", *sorted(old))
    deadline = time.monotonic() + _LIMIT_S
    while not (new := [pod for pod in stack.server_pods() if pod["metadata"]["name"] not in old]):
        _not_past(deadline)
    first_token = _first_token(stack, deadline)
    name = new[0]["metadata"]["name"]
    pod = next(pod for pod in stack.server_pods() if pod["metadata"]["name"] == name)
    scheduled = _time(next(c for c in pod["status"]["conditions"] if c["type"] == "PodScheduled")["lastTransitionTime"])
    started = _time(pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"])
    logged = {}
    for line in stack.kubectl("logs", name).splitlines():
        entry = json.loads(line)
        if entry.get("event") == "start-up phase done":
            logged[entry["phase"]] = entry["duration_s"]
        elif entry.get("event") == "ready":
            logged |= {key.removesuffix("_s"): entry[key] for key in ("load_s", "warm_up_s", "since_process_start_s")}
    return {"first_token": first_token - scheduled, "container_started": started - scheduled, **logged}


def _first_token(stack: LocalStack, deadline: float) -> float:
    while True:
        try:
            next(stack.access.complete("def f(", max_tokens=1, temperature=0))
        except (FleetError, StopIteration):
            _not_past(deadline)
        else:
            return time.time()


def _not_past(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise SystemExit(f"no new pod served within {_LIMIT_S:g} s: see `fleet cluster status local`")
    time.sleep(0.05)


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    sys.exit(main())
