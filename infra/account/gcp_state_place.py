"""Where all stacks keep their state on Google Cloud, in conditions on the roles of CI's identities.

Names of resources: cloud.google.com/iam/docs/conditions-resource-attributes. A key ring is told by what follows
`keyRings/`, wherever it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from infra.clouds.gcp.scope import Scope


@dataclass(frozen=True)
class StatePlace:
    """The bucket and the keys, as `infra/state/gcp.py` names them.

    Attributes:
        bucket: Name of the bucket.
        ring: Name of the key ring.
    """

    bucket: str
    ring: str

    @classmethod
    def of(cls, scope: Scope, stack: str) -> "StatePlace":
        """What a stack of kind `state` of this project is called."""
        place = replace(scope, stack=stack)
        return cls(place.bucket_name("state"), place.name())

    @property
    def elsewhere(self) -> str:
        """Everything but the bucket, what is in it, the ring and its keys."""
        bucket, key = f"projects/_/buckets/{self.bucket}", 'resource.name.extract("/keyRings/{rest}")'
        return (
            f'resource.name != "{bucket}" && !resource.name.startsWith("{bucket}/") && '
            f'{key} != "{self.ring}" && !{key}.startsWith("{self.ring}/")'
        )

    @property
    def use(self) -> Mapping[str, str]:
        """Roles by which a deployment reads and writes states and the secrets in them, with where they hold."""
        return {"roles/storage.objectUser": self._files, "roles/cloudkms.cryptoKeyEncrypterDecrypter": self._secrets}

    @property
    def read(self) -> Mapping[str, str]:
        """Roles by which a preview reads them, with where they hold: it changes no state, and takes no lock."""
        return {"roles/storage.objectViewer": self._files, "roles/cloudkms.cryptoKeyDecrypter": self._secrets}

    @property
    def _files(self) -> str:
        bucket = f"projects/_/buckets/{self.bucket}"
        return f'resource.name == "{bucket}" || resource.name.startsWith("{bucket}/objects/")'

    @property
    def _secrets(self) -> str:
        # A key that was given up has a successor with a number behind its name.
        return f'resource.name.extract("/keyRings/{{rest}}").startsWith("{self.ring}/cryptoKeys/secrets")'
