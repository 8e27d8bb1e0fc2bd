"""Whether the model still says what it said: its expectations at every place of pinned texts, compared one by one.

Texts that a model writes by itself flip at near ties from rounding alone; what it expects after a given text moves
only by the rounding itself. So the text is given (teacher forcing): the gate asks for one token after each prefix of
each pinned text and compares the log-probabilities of the likeliest ones.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from release.baseline import Fingerprint
from release.gate.check import Subject
from release.gate.verdict import Result, Verdict

TEXTS: Final = (
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return fibonacci(n - 1) + fibonacci(n - 2)\n",
    "The capital of France is Paris, which lies on the river Seine and is known for its museums and its bread.",
    'SELECT name, COUNT(*) FROM orders WHERE total > 100 GROUP BY name ORDER BY name; {"status": "ok", "items": [1, 2]',
)
"""Code, prose, and what machines write. Changing them makes fingerprints of older releases useless for one release."""
_PLACES_PER_TEXT: Final = 40
"""A request takes 128 prompts at most; 3 texts times 40 places."""


def prefixes() -> Iterator[str]:
    """Give the beginnings of the pinned texts that end at a word's end, at most 40 of each, evenly spaced."""
    for text in TEXTS:
        ends = [at for at in range(1, len(text)) if text[at].isspace() and not text[at - 1].isspace()] or [len(text)]
        if len(ends) > _PLACES_PER_TEXT:
            ends = [ends[at * len(ends) // _PLACES_PER_TEXT] for at in range(_PLACES_PER_TEXT)]
        yield from (text[:end] for end in ends)


def texts_digest() -> str:
    """Give the digest that tells whether two fingerprints are of the same texts."""
    return "sha256:" + hashlib.sha256("\0".join(prefixes()).encode()).hexdigest()


class Logprobs:
    """The model's expectations at the pinned texts are those of the last good release, within rounding."""

    name = "log-probabilities"

    def judge(self, subject: Subject) -> Verdict:
        """Compare tokens that both name among their likeliest; another likeliest set counts as a difference too."""
        old, new = subject.last_good or subject.before.fingerprint, subject.fingerprint
        if new is None:
            reason = subject.note or "the pinned texts got no answer"
            return Verdict(check=self.name, result=Result.FAILED, reason=reason)
        if old is not None and old.model != new.model:
            old = None if subject.before.fingerprint is None else subject.before.fingerprint
        if old is None:
            return Verdict(check=self.name, result=Result.SKIPPED, reason="no release before to compare with")
        if old.model != new.model:
            return Verdict(
                check=self.name, result=Result.SKIPPED, reason=f"another model: {new.model}, before {old.model}"
            )
        if old.texts != new.texts or len(old.positions) != len(new.positions):
            return Verdict(check=self.name, result=Result.SKIPPED, reason="the pinned texts have changed since")
        return self._compared(subject, differences(old, new))

    def _compared(self, subject: Subject, found: Sequence[float]) -> Verdict:
        mean, worst = sum(found) / len(found), max(found)
        most_mean, most_worst = subject.settings.logprob_mean, subject.settings.logprob_worst
        far = mean > most_mean or worst > most_worst
        return Verdict(
            check=self.name,
            result=Result.FAILED if far else Result.PASSED,
            reason=f"differ by {mean:.3g} nats on average (at most {most_mean:g}), {worst:.3g} at worst "
            f"(at most {most_worst:g})",
            evidence={"values": len(found), "mean, nats": mean, "worst, nats": worst},
        )


def differences(old: Fingerprint, new: Fingerprint) -> list[float]:
    """Give the absolute differences of log-probabilities, in nats, place by place.

    A token that only one of them names was, for the other, less likely than all that it names: the difference is at
    least the one to its least likely, and counts as that.
    """
    found = []
    for before, after in zip(old.positions, new.positions, strict=True):
        for token in before.keys() | after.keys():
            here = before.get(token, min(before.values()))
            there = after.get(token, min(after.values()))
            found.append(abs(here - there))
    return found
