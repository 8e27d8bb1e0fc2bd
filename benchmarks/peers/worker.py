"""One engine in a process of its own: loads, then runs a round for each line on its input.

``python -m benchmarks.peers.worker NAME MODEL WORK WORKLOAD THREADS``; answers a line of JSON each time. Everything
else that an engine prints goes to the standard error.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path

from benchmarks.peers.engine import ENTRIES
from loadtest.reference_model import VOCABULARY_SIZE
from loadtest.workloads import WORKLOADS

_WARM_UP_TOKENS = 4


def main() -> None:
    """Load, and answer until the input ends."""
    name, model, work, workload_name, threads = sys.argv[1:]
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    workload = WORKLOADS[workload_name]
    tasks = workload.draw(vocabulary_size=VOCABULARY_SIZE)
    prompts, new_tokens = [task.prompt_token_ids for task in tasks], tasks[0].output_tokens
    engine = ENTRIES[name].load(Path(model), Path(work), workload, int(threads))
    engine.generate(prompts, _WARM_UP_TOKENS)  # what is done once is done
    answers.write(json.dumps({"prompt_tokens": sum(map(len, prompts)), "new_tokens": new_tokens}) + "\n")
    for _ in sys.stdin:
        started = time.perf_counter()
        first = engine.generate(prompts, 1)
        first_s = time.perf_counter() - started
        started = time.perf_counter()
        texts = engine.generate(prompts, new_tokens)
        all_s = time.perf_counter() - started
        if any(len(text) != new_tokens for text in texts):
            raise SystemExit(f"{name} made texts of {sorted(map(len, texts))} tokens, not of {new_tokens}")
        result = {
            "first_tokens_s": first_s,
            "all_s": all_s,
            "first_tokens": [text[0] for text in first],
            "peak_rss_mb": _peak_rss_mb(),
        }
        answers.write(json.dumps(result) + "\n")


def _peak_rss_mb() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    return 0 if found is None else int(found[1]) // 1024


if __name__ == "__main__":
    main()
