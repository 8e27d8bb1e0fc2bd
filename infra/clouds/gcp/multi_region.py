"""The continent around a region, as buckets and keys that span two regions name it."""

from enum import Enum

from infra.clouds.gcp.refusal import refusal


class MultiRegion(Enum):
    """Multi-regions of Cloud Storage with their counterparts in Cloud KMS.

    A bucket over two regions lies in the multi-region that holds both
    (cloud.google.com/storage/docs/locations#location-dr), and its key in the same place
    (cloud.google.com/storage/docs/encryption/customer-managed-keys#location), which Cloud KMS calls
    otherwise in Europe (cloud.google.com/kms/docs/locations).
    """

    US = ("US", "us")
    EU = ("EU", "europe")
    ASIA = ("ASIA", "asia")

    @property
    def bucket_location(self) -> str:
        """What Cloud Storage calls it."""
        return self.value[0]

    @property
    def key_location(self) -> str:
        """What Cloud KMS calls it."""
        return self.value[1]

    @classmethod
    def around(cls, region: str) -> "MultiRegion":
        """The multi-region that `region` is in.

        Raises:
            SettingsError: it is in none, so that no bucket can span it and another.
        """
        for prefix, found in (("us-", cls.US), ("europe-", cls.EU), ("asia-", cls.ASIA)):
            if region.startswith(prefix):
                return found
        raise refusal("storage.replicaRegion", f"no bucket can span {region} and another region: leave it out")
