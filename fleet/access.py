"""How a stack is used once it is up: its endpoint, a key, and a completion to prove it."""

import json
import shlex
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from fleet.authorities import write_authority
from fleet.console import FleetError

_ANSWER_LIMIT_S = 120.0
_CONNECT_LIMIT_S = 10.0  # beyond it nobody is there


@dataclass(frozen=True)
class Access:
    """What a client needs.

    Attributes:
        endpoint: Base URL without a path.
        key: An API key.
        model: Name of the served model.
        ca_file: PEM file of the authority to trust; None for a public one.
    """

    endpoint: str
    key: str
    model: str
    ca_file: Path | None

    @classmethod
    def of(cls, stack: str, outputs: Mapping[str, Any]) -> "Access":
        """Take it from a stack's outputs; the authority's certificate is written where curl can read it.

        Raises:
            FleetError: the stack is not up.
        """
        if not outputs.get("endpoint"):
            raise FleetError(f"stack {stack} has no endpoint yet: run `fleet up {stack}`")
        ca_file = None
        if certificate := outputs.get("caCertificate"):
            ca_file = write_authority(stack, certificate)
        key = next(iter(outputs["apiKeys"].values()))
        return cls(outputs["endpoint"], key, outputs["model"], ca_file)

    def curl(self, prompt: str, *, max_tokens: int, temperature: float) -> str:
        """Give a line that asks the same by hand, fit for a shell."""
        body = {"model": self.model, "prompt": prompt, "max_tokens": max_tokens, "temperature": temperature}
        trust = ["--cacert", str(self.ca_file)] if self.ca_file else []
        return shlex.join(
            [
                "curl", *trust, f"{self.endpoint}/v1/completions",
                "-H", f"Authorization: Bearer {self.key}", "-H", "Content-Type: application/json",
                "-d", json.dumps(body),
            ]
        )  # fmt: skip

    def complete(self, prompt: str, *, max_tokens: int, temperature: float) -> Iterator[str]:
        """Stream a completion's text through the load balancer.

        Raises:
            FleetError: no answer, or an error in place of one.
        """
        body = {
            "model": self.model, "prompt": prompt, "max_tokens": max_tokens, "temperature": temperature, "stream": True,
        }  # fmt: skip
        trust: ssl.SSLContext = ssl.create_default_context(cafile=self.ca_file)
        try:
            with (
                httpx.Client(
                    verify=trust, timeout=httpx.Timeout(_ANSWER_LIMIT_S, connect=_CONNECT_LIMIT_S), trust_env=False
                ) as client,
                client.stream(
                    "POST",
                    f"{self.endpoint}/v1/completions",
                    json=body,
                    headers={"Authorization": f"Bearer {self.key}"},
                ) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    raise FleetError(f"{self.endpoint} answered {response.status_code}: {response.read().decode()}")
                for line in response.iter_lines():
                    if not line.startswith("data: ") or line == "data: [DONE]":
                        continue
                    event = json.loads(line.removeprefix("data: "))
                    if "error" in event:
                        raise FleetError(f"the stream ended with an error: {event['error'].get('message')}")
                    if event["choices"]:
                        yield event["choices"][0]["text"]
        except httpx.HTTPError as error:
            raise FleetError(
                f"no answer from {self.endpoint}: {str(error) or type(error).__name__}. If its cluster doesn't run, "
                "`fleet up` starts it; `fleet cluster status` shows those of this machine"
            ) from error


def timed(pieces: Iterator[str]) -> Iterator[tuple[float, str]]:
    """Pair each piece with the seconds since the start."""
    start = time.monotonic()
    for piece in pieces:
        yield time.monotonic() - start, piece
