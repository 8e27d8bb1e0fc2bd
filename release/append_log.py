"""A log of numbered objects, each created once and never changed: the only thing that the release store is made of.

Creating an object only if it isn't there is what S3 (If-None-Match: *), Azure Blob (the same), Google Cloud Storage
(ifGenerationMatch=0) and a file system (link) all do atomically; two writers of one number can't both succeed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import AzureStore, GCSStore, LocalStore, S3Store

from release.errors import ReleaseError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

FOLDER: Final = "modelfleet-releases"
"""Beside `.pulumi`, where the engine keeps states."""
_DIGITS: Final = 8


class StoreError(ReleaseError):
    """The store can't be read or written."""


class NumberTakenError(ReleaseError):
    """Another writer was first."""


class AppendLog:
    """One log.

    Args:
        store: Where it is.
        prefix: Its folder.
    """

    def __init__(self, store: "ObjectStore", prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    def read(self) -> list[bytes]:
        """Give all entries in order, from number 0 on.

        Raises:
            StoreError: it can't be read, or an entry is missing.
        """
        try:
            paths = sorted(
                found["path"] for page in obstore.list(self._store, prefix=self._prefix + "/") for found in page
            )
            for number, path in enumerate(paths):
                if path != self._path(number):
                    raise StoreError(
                        f"{self._prefix} lacks entry {number} (there is {path}): nothing here is ever deleted; "
                        "restore it from the bucket's older versions"
                    )
            return [bytes(obstore.get(self._store, path).bytes()) for path in paths]
        except (BaseError, OSError) as error:
            raise StoreError(f"the release store can't be read ({self._prefix}): {_first_line(error)}") from error

    def append(self, number: int, content: bytes) -> None:
        """Create entry `number`.

        Raises:
            NumberTakenError: it is there, with another content.
            StoreError: it can't be written.
        """
        path = self._path(number)
        try:
            obstore.put(self._store, path, content, mode="create")
        except (AlreadyExistsError, PreconditionError) as error:
            # A request whose answer was lost is repeated by the client: then the entry that is there is ours.
            if bytes(obstore.get(self._store, path).bytes()) != content:
                raise NumberTakenError(f"{path} was written by somebody else meanwhile") from error
        except (BaseError, OSError) as error:
            raise StoreError(f"{path} can't be written to the release store: {_first_line(error)}") from error

    def _path(self, number: int) -> str:
        return f"{self._prefix}/{number:0{_DIGITS}}.json"


def numbers(store: "ObjectStore", prefix: str) -> Sequence[int]:
    """Give the numbers of the logs under a folder, in order.

    Raises:
        StoreError: it can't be read.
    """
    try:
        folders = obstore.list_with_delimiter(store, prefix)["common_prefixes"]
    except (BaseError, OSError) as error:
        raise StoreError(f"the release store can't be read ({prefix}): {_first_line(error)}") from error
    return sorted(int(folder.rpartition("/")[2]) for folder in folders)


def numbered(prefix: str, number: int) -> str:
    """Give the folder of a numbered log."""
    return f"{prefix}/{number:0{_DIGITS}}"


def open_store(backend: str) -> "ObjectStore":
    """Open the place beside the states of a Pulumi backend.

    Credentials come from the environment, as each cloud's own tools read them.

    Args:
        backend: What `pulumi login` takes: file:///…, s3://…, azblob://… or gs://…, with its query parameters.

    Raises:
        StoreError: it is none of these.
    """
    url = urlsplit(backend)
    query = {key: values[-1] for key, values in parse_qs(url.query).items()}
    prefix = "/".join(part for part in (url.path.strip("/"), FOLDER) if part)
    match url.scheme:
        case "file":
            folder = Path(unquote(url.path)).expanduser() / FOLDER
            return LocalStore(folder, mkdir=True)
        case "s3":
            endpoint = {"endpoint": query["endpoint"]} if "endpoint" in query else {}
            return S3Store(
                url.netloc,
                prefix=prefix,
                region=query.get("region"),
                virtual_hosted_style_request=query.get("s3ForcePathStyle") != "true",
                client_options={"allow_http": query.get("disableSSL") == "true"},
                **endpoint,
            )
        case "azblob":
            account = {"account_name": query["storage_account"]} if "storage_account" in query else {}
            return AzureStore(url.netloc, prefix=prefix, **account)
        case "gs":
            return GCSStore(url.netloc, prefix=prefix)
    raise StoreError(
        f"releases are kept beside the states, and {backend!r} is none of file://, s3://, azblob://, gs://"
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
