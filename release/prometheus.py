"""What gateway and servers measured, from Prometheus' HTTP API: one value a window, so that windows can be compared.

Errors are the gateway's, as clients got them: a server that is gone counts none. Times and tokens are the servers'.

https://prometheus.io/docs/prometheus/latest/querying/api/. Windows don't overlap (the step is the range), so that
values are as independent as the load itself.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from release.baseline import Samples
from release.errors import RegionError

PROMETHEUS: Final = "prometheus"
WINDOW_S: Final = 30
"""Two scrapes of 15 s, the longest pause that a region's may have (`monitoring.scrapeS`): the least that `increase` can
take."""

Ask = Callable[[str, Mapping[str, str]], Mapping[str, Any]]
"""Asks an endpoint (`query_range`) with parameters, gives the decoded answer; raises RegionError where none comes."""

_PREFIX: Final = "modelfleet_"
_API: Final = 'route=~"/v1/.*"'


class Prometheus:
    """One region's Prometheus.

    Args:
        ask: Its HTTP API.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def samples(self, since: datetime, until: datetime) -> Samples:
        """Give how the region answered between two times, one value a window of 30 s.

        Raises:
            RegionError: no answer, or not one of Prometheus.
        """
        requests = self._total(f"{_PREFIX}gateway_requests_total{{{_API}}}", since, until)
        errors = self._total(f'{_PREFIX}gateway_requests_total{{{_API},status=~"5.."}}', since, until)
        return Samples(
            requests=round(requests),
            errors=min(round(errors), round(requests)),
            ttft_s=self._means("time_to_first_token_seconds", since, until),
            token_s=self._means("request_time_per_output_token_seconds", since, until),
            tokens_per_s=self._values(f"sum(rate({_PREFIX}generation_tokens_total[{WINDOW_S}s])) > 0", since, until),
        )

    def _means(self, histogram: str, since: datetime, until: datetime) -> tuple[float, ...]:
        """Give the mean of a histogram's observations in each window that has any."""
        total, count = (f"sum(rate({_PREFIX}{histogram}_{part}[{WINDOW_S}s]))" for part in ("sum", "count"))
        return self._values(f"{total} / ({count} > 0)", since, until)

    def _total(self, series: str, since: datetime, until: datetime) -> float:
        return sum(self._values(f"sum(increase({series}[{WINDOW_S}s]))", since, until))

    def _values(self, query: str, since: datetime, until: datetime) -> tuple[float, ...]:
        first = since + timedelta(seconds=WINDOW_S)  # a window's value stands at its end
        if first > until:
            return ()
        answer = self._ask(
            "query_range",
            {
                "query": query,
                "start": f"{first.timestamp():.3f}",
                "end": f"{until.timestamp():.3f}",
                "step": f"{WINDOW_S}",
            },
        )
        if answer.get("status") != "success":
            raise RegionError(f"Prometheus refused {query}: {answer.get('error', answer)}")
        series = answer["data"]["result"]
        values = [float(value) for one in series for _, value in one["values"]]
        return tuple(value for value in values if math.isfinite(value))
