"""What the gateway can be told."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, HttpUrl

from service.web.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """Settings of ``python -m service.gateway``."""

    port: int = Field(default=8443, ge=0, le=65535, description="port of the API, TLS")
    admin_port: int = Field(
        default=9090, ge=0, le=65535, description="port of /healthz, /readyz and /metrics, plain HTTP"
    )
    tls_cert_file: Path = Field(
        default=Path("/etc/modelfleet/tls/tls.crt"), description="certificate chain, PEM; re-read when it changes"
    )
    tls_key_file: Path = Field(
        default=Path("/etc/modelfleet/tls/tls.key"), description="the certificate's private key, PEM"
    )
    keys_file: Path = Field(
        default=Path("/etc/modelfleet/keys/keys.json"),
        description='API keys, {"keys": [{"id", "tenant", "sha256"}]}; re-read when it changes',
    )
    upstream: HttpUrl = Field(
        default=HttpUrl("http://model-server:8000"), description="URL of the model servers' Service"
    )
    connect_timeout_s: float = Field(default=2.0, gt=0, description="seconds for a connection to a server")
    first_byte_timeout_s: float = Field(
        default=600.0,
        gt=0,
        description="seconds until a server begins its answer, which without streaming means until it is whole",
    )
    idle_timeout_s: float = Field(
        default=120.0,
        gt=0,
        description="seconds between two pieces of an answer, and for a client to take one",
    )
    heartbeat_s: float = Field(
        default=10.0, gt=0, description="seconds of silence in a stream after which an SSE comment is sent"
    )
    retry_window_s: float = Field(
        default=30.0,
        ge=0,
        description="seconds during which a request that no server has begun to answer is tried again",
    )
    max_resends: int = Field(
        default=1,
        ge=0,
        description="times that a request is sent again after a server that had received it went away",
    )
    resend_within_s: float = Field(
        default=3.0,
        ge=0,
        description="seconds after which a server that goes away may have been ended by the request: it isn't sent "
        "again then",
    )
    max_concurrent: int = Field(default=512, ge=1, description="requests in flight; more get 503 with Retry-After")
    reload_interval_s: float = Field(
        default=1.0, gt=0, description="seconds between two looks at the key and certificate files"
    )
