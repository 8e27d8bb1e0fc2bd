"""Whether requests are traced: only where the environment names a collector.

Only then are OpenTelemetry's packages imported, which would cost every start some tenths of a second. All else is
configured by OpenTelemetry's own variables
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from service.web.settings import ConfigurationError

if TYPE_CHECKING:
    from service.server.spans import Tracing

_SWITCHES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def from_environment(version: str) -> Tracing | None:
    """Tracing as the environment asks for it; None where it doesn't.

    Raises:
        ConfigurationError: it asks for it, and the packages for it are missing.
    """
    asked = next((name for name in _SWITCHES if os.environ.get(name)), None)
    if asked is None:
        return None
    try:
        from service.server.spans import Tracing  # noqa: PLC0415 - only where it is asked for
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{asked} is set, but the package {error.name} is missing; install opentelemetry-sdk and "
            "opentelemetry-exporter-otlp-proto-http, or unset it"
        ) from None
    return Tracing.to_collector(version)
