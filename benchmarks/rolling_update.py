"""Requests that fail while the model server rolls over under load; the bar is none.

Sixteen clients ask without a pause while every server pod is replaced. A client neither retries nor waits.
"""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks import report
from benchmarks.local_cluster import LocalStack
from fleet.console import FleetError

CLIENTS = 16
REQUESTS = 200


def main() -> int:
    """Measure, print and write."""
    stack = LocalStack.open()
    lock, rolled = threading.Lock(), threading.Event()
    taken_s: list[float] = []
    failures: list[str] = []

    def ask_until_rolled() -> None:
        while not rolled.is_set() or len(taken_s) + len(failures) < REQUESTS:
            start = time.monotonic()
            try:
                "".join(stack.access.complete("def fibonacci(n):", max_tokens=8, temperature=0))
            except FleetError as error:
                with lock:
                    failures.append(str(error))
            else:
                with lock:
                    taken_s.append(time.monotonic() - start)

    with ThreadPoolExecutor(CLIENTS) as clients:
        for _ in range(CLIENTS):
            clients.submit(ask_until_rolled)
        try:
            stack.kubectl("rollout", "restart", "deployment/model-server")
            stack.kubectl("rollout", "status", "deployment/model-server", "--timeout=300s")
        finally:
            rolled.set()
    file = report.write(
        "rolling_update",
        {
            "clients": CLIENTS,
            "answered": len(taken_s),
            "failed": len(failures),
            "failures": failures[:10],
            "request": report.spread(taken_s),
            "bar": f"0 failed of {REQUESTS} or more",
        },
    )
    print(f"rolling update: {len(failures)} of {len(taken_s) + len(failures)} requests failed (bar: 0); {file}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
