"""Keys that Cloud KMS keeps: what is there under our names before the program makes anything.

A key ring can't be deleted, and a key's name is taken for ever, even when all its versions are destroyed
(cloud.google.com/kms/docs/object-hierarchy, "resources that can't be deleted"). So a stack that was taken down with
its data finds its ring, and dead keys in it, when it comes up again: the ring is taken over, and each purpose gets a
key with the next number. A key that lives (made by an update that was killed before it could say so) is taken over too.
"""

import itertools
from collections.abc import Container
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

_DEAD = frozenset({"DESTROYED", "DESTROY_SCHEDULED"})
"""States of a version that encrypts no more (cloud.google.com/kms/docs/key-states)."""


@dataclass(frozen=True)
class KeyChoice:
    """A key's name, and its id where it exists already."""

    name: str
    import_id: str | None = None


@dataclass(frozen=True)
class KeptRing:
    """A key ring as the cloud has it.

    Attributes:
        import_id: Id of the ring; None where there is none yet.
        alive: Ids of keys that encrypt, by name.
        dead: Names of keys that don't any more.
    """

    import_id: str | None = None
    alive: tuple[tuple[str, str], ...] = ()
    dead: frozenset[str] = frozenset()

    @classmethod
    def look_up(cls, name: str, project: str, location: str, opts: pulumi.InvokeOptions) -> "KeptRing":
        """Ask the cloud for the ring `name` and its keys."""
        path = f"projects/{project}/locations/{location}/keyRings/{name}"
        rings = gcp.kms.get_key_rings(project=project, location=location, filter=f"name:{path}", opts=opts)
        # The filter matches parts of a name too.
        if not any(ring.name in {path, name} or ring.id == path for ring in rings.key_rings or ()):
            return cls()
        keys = gcp.kms.get_crypto_keys(key_ring=path, opts=opts).keys or ()
        alive: list[tuple[str, str]] = []
        dead: set[str] = set()
        for key in keys:
            short = (key.name or key.id).rsplit("/", 1)[-1]
            if any(primary.state not in _DEAD for primary in key.primaries):
                alive.append((short, f"{path}/cryptoKeys/{short}"))
            else:
                dead.add(short)
        return cls(import_id=path, alive=tuple(sorted(alive)), dead=frozenset(dead))

    def choose(self, base: str) -> KeyChoice:
        """The key for `base`: the living one, else the first name that no dead one has."""
        name = free_name(base, self.dead)
        return KeyChoice(name, dict(self.alive).get(name))


def free_name(base: str, taken: Container[str]) -> str:
    """Give the first of `base`, `base-2`, `base-3` … that isn't taken."""
    return next(
        name for number in itertools.count(1) if (name := base if number == 1 else f"{base}-{number}") not in taken
    )
