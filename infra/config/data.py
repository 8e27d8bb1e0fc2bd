"""What keeps data: object storage, database, cache, their keys, and how long logs live."""

from pydantic import Field

from documents.values import FileModel


class EncryptionSettings(FileModel):
    """Customer-managed keys."""

    # NIST SP 800-57 part 1 takes one to two years for a data key's life; a year is every cloud's usual value.
    rotation_days: int = Field(365, ge=90, le=2560, description="Days after which a key gets a new version")
    deletion_window_days: int = Field(30, ge=7, le=30, description="Days in which a deleted key can be taken back")
    multi_region: bool = Field(False, description="Whether keys can be replicated into the replica region")


class StorageSettings(FileModel):
    """Object storage for weights and tenants' data."""

    replica_region: str | None = Field(None, min_length=1, description="Region that objects are replicated into")
    fast_cache: bool = Field(False, description="Whether a parallel file system (Lustre and its like) caches weights")
    noncurrent_days: int = Field(90, ge=1, le=3650, description="Days that overwritten and deleted versions are kept")


class DatabaseSettings(FileModel):
    """The gateway's PostgreSQL: tenants, credits, ledger."""

    sku: str | None = Field(None, min_length=1, description="The cloud's name of its size; unset: the cloud's usual")
    storage_gb: int = Field(100, ge=20, le=16384, description="Disk in GB; grows by itself where the cloud can")
    # 35 is the most that RDS and Azure take.
    backup_retention_days: int = Field(
        14, ge=7, le=35, description="Days back to any moment of which it can be restored"
    )


class CacheSettings(FileModel):
    """The gateway's Valkey or Redis: limits and reservations in flight."""

    sku: str | None = Field(None, min_length=1, description="The cloud's name of its size; unset: the cloud's usual")
