"""What a region was like before a release: what the gate compares with, kept with the release's record."""

from collections.abc import Mapping
from typing import Final

from pydantic import Field

from release.stored import Stored

KEPT_ALTERNATIVES: Final = 5
"""Likeliest tokens of each position that are kept: those below carry less than a percent on most texts."""


class Fingerprint(Stored):
    """The model's answers to pinned texts, teacher-forced: what it expects after each prefix of each text.

    Attributes:
        texts: Digest of the pinned texts; other texts can't be compared.
        model: Digest of the model's manifest.
        positions: For each prefix, in order, natural log-probabilities of the likeliest next tokens by their text.
    """

    texts: str
    model: str
    positions: tuple[Mapping[str, float], ...]


class Samples(Stored):
    """How a region answered during a while, by one observer.

    Attributes:
        requests: Requests that were answered or refused.
        errors: Those that weren't answered as they should have been.
        ttft_s: Time to first token, one value for each request or each scrape interval, in seconds.
        token_s: Time for each token after the first, likewise.
        tokens_per_s: Generated tokens per second while requests ran, likewise.
    """

    requests: int = Field(0, ge=0)
    errors: int = Field(0, ge=0)
    ttft_s: tuple[float, ...] = ()
    token_s: tuple[float, ...] = ()
    tokens_per_s: tuple[float, ...] = ()


class Baseline(Stored):
    """A region before a release.

    Attributes:
        samples: By observer: `probe` (the gate's own requests), `prometheus`.
        fingerprint: None where the region didn't answer.
        restarts: Restarts so far, by container (`pod/container`).
        revisions: Newest revision of each Deployment's template, by the Deployment's uid: newer ones are the release's.
        lost_gpus: GPUs that a node had and didn't offer, by node.
        ills: What was wrong with it already, a sentence each: a gate can't tell that from what a release does.
        note: Why something is missing; empty where nothing is.
    """

    samples: Mapping[str, Samples] = Field(default_factory=dict)
    fingerprint: Fingerprint | None = None
    restarts: Mapping[str, int] = Field(default_factory=dict)
    revisions: Mapping[str, int] = Field(default_factory=dict)
    lost_gpus: Mapping[str, int] = Field(default_factory=dict)
    ills: tuple[str, ...] = ()
    note: str = ""
