"""Run every benchmark: `python -m benchmarks`, or some of them by name."""

import sys
from collections.abc import Callable, Mapping

from benchmarks import (
    cold_start,
    http_servers,
    kernels,
    perplexity,
    prefix_cache,
    preview_overhead,
    region_preview,
    region_up,
    rolling_update,
    tenants,
    weights,
)
from benchmarks.soak import __main__ as soak

BENCHMARKS: Mapping[str, Callable[[], int]] = {
    "preview_overhead": preview_overhead.main,
    "region_preview": region_preview.main,
    "region_up": region_up.main,
    "tenants": tenants.main,
    "cold_start": cold_start.main,
    "rolling_update": rolling_update.main,
    "kernels": kernels.main,
    "perplexity": perplexity.main,
    "prefix_cache": prefix_cache.main,
    "weights": weights.main,
    "soak": soak.main,
    "http_servers": http_servers.main,
}

if __name__ == "__main__":
    names = sys.argv[1:] or list(BENCHMARKS)
    if unknown := set(names) - BENCHMARKS.keys():
        sys.exit(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
    sys.exit(max(BENCHMARKS[name]() for name in names))
