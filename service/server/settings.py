"""What the model server can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from service.web.settings import ServiceSettings


class ServerSettings(ServiceSettings):
    """Settings of ``python -m service.server``."""

    model_uri: str = Field(
        description="folder of the model with its manifest.json: file:///…, s3://…, az://… or gs://…; "
        "credentials and endpoints as each cloud's own tools read them from the environment"
    )
    model_name: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._/-]{0,128}$",
        description="the name that clients ask for; empty takes the manifest's",
    )
    model_digest: str = Field(
        default="",
        pattern=r"^(sha256:[0-9a-f]{64})?$",
        description="sha256:<hex> of the manifest.json that must be served; empty serves the one that is there",
    )
    model_cache: Path = Field(
        default=Path("/var/cache/modelfleet"), description="where fetched models are kept, one folder per digest"
    )
    model_in_place: bool = Field(
        default=True, description="use a file:// model where it is, verified, instead of copying it"
    )
    port: int = Field(default=8000, ge=0, le=65535, description="port of the API, the probes and /metrics")
    version: str = Field(default="", description="what /version says; empty takes the installed package's")
    request_timeout_s: float = Field(
        default=0.0,
        ge=0,
        description="seconds after which a request is given up with 504; 0 waits for as long as it takes",
    )
    max_running: int = Field(
        default=0, ge=0, description="requests that are computed at once; 0 takes the engine's own number"
    )
    max_waiting: int = Field(default=256, ge=1, description="requests that may wait; more get 503")
    threads: int = Field(default=0, ge=0, description="torch's threads; 0 follows the container's CPU limit")
    max_context_tokens: int | None = Field(
        default=None, ge=2, description="limit on prompt and completion together, below the model's own"
    )
    cache_type: Literal["model", "int8"] = Field(
        default="model",
        description="how keys and values are kept: as the model computes, or in 8 bits and a scale for "
        "each position and head, on CPUs only",
    )
    cache_tokens: int = Field(
        default=0,
        ge=0,
        description="positions of the key-value cache over all requests; 0 takes what memory allows",
    )
    token_budget: int = Field(default=0, ge=0, description="most tokens of a step; 0 takes 512 on a CPU, 8192 on a GPU")
    linear_mode: Literal["auto", "fp32", "bf16", "int8"] = Field(
        default="auto",
        description="how linear layers are kept and multiplied; auto: fp32 on a CPU, bf16 on a GPU; int8 on CPUs only",
    )
    prefix_cache: bool = Field(
        default=True,
        description="a tenant's requests reuse what its earlier ones with the same beginning computed",
    )
    shared_system_prompts: tuple[str, ...] = Field(
        default=(),
        description="a JSON list of the operator's own system prompts; all tenants share what they compute",
    )
    cuda_graphs: bool = Field(
        default=True, description="on GPUs: decode steps are replayed as CUDA graphs, which take memory of their own"
    )
