"""Pushes an image to a registry, byte for byte, so that its digest is the same there as here.

The protocol is the OCI distribution specification 1.1: blobs that the registry has are skipped, the others are
uploaded whole, then the manifest is put by its digest. Container tools compress again on their way to a registry and
so make another digest; this doesn't.
"""

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import httpx

from toolchain.images import oci_layout
from toolchain.images.built_image import BuiltImage
from toolchain.images.docker_config import credentials_of
from toolchain.images.errors import RegistryError
from toolchain.images.oci_layout import Descriptor

_CHUNK_BYTES = 1 << 20
# Between two reads or writes, not for the whole: a layer of hundreds of megabytes takes minutes on a slow line.
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_REPOSITORY = re.compile(r"^[a-z0-9]+([._/-][a-z0-9]+)*$")
_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")
# `Bearer realm="…",service="…",scope="…"` (the specification's token scheme).
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Credentials:
    """A user and a password or token, as the registry's own login gives them."""

    user: str
    password: str


def push(
    image: BuiltImage,
    registry: str,
    *,
    repository: str | None = None,
    tag: str | None = None,
    credentials: Credentials | None = None,
    plain_http: bool | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> str:
    """Push an image; return its reference there, by digest.

    Args:
        image: what ``build`` returned.
        registry: host and port, perhaps with a path: ``registry.example:5000/platform``.
        repository: below the registry; the image's name by default.
        tag: a name to put beside the digest, for people; deployments use the digest.
        credentials: for a registry that asks for them; by default those that `docker login` has written.
        plain_http: without TLS; by default for a registry on this machine, as container tools do it, and no other.
        on_progress: is told each blob.

    Raises:
        RegistryError: the registry can't be reached, refused something, or stored another digest.
        ArchiveError: the image's archive is damaged.
    """
    host, _, prefix = registry.rstrip("/").partition("/")
    path = "/".join(part for part in (prefix, repository or image.name) if part)
    if not host or not _REPOSITORY.match(path):
        raise RegistryError(
            f"'{registry}' with repository '{path}' is no registry reference: host[:port][/path], in lower case"
        )
    if plain_http is None:
        plain_http = _LOOPBACK.fullmatch(host) is not None
    if credentials is None and (logged_in := credentials_of(host)) is not None:
        credentials = Credentials(*logged_in)
    base_url = f"{'http' if plain_http else 'https'}://{host}"
    with (
        tempfile.TemporaryDirectory(prefix=".push-", dir=image.archive.parent) as scratch,
        httpx.Client(base_url=base_url, timeout=_TIMEOUT, follow_redirects=False) as client,
    ):
        layout = Path(scratch)
        manifest = oci_layout.unpack(image.archive, layout)
        session = _Session(client, path, credentials)
        for blob in dict.fromkeys((*manifest.layers, manifest.config)):
            new = session.upload(blob, oci_layout.blob_path(layout, blob.digest))
            if on_progress is not None:
                on_progress(
                    f"{'pushed' if new else 'there already'}: {blob.digest[:19]} {blob.size_bytes / 1e6:.1f} MB"
                )
        content = oci_layout.blob_path(layout, manifest.descriptor.digest).read_bytes()
        for name in (image.digest, *([tag] if tag else [])):
            session.put_manifest(name, manifest.descriptor, content)
    return f"{host}/{path}@{image.digest}"


class _Session:
    """Requests to one repository, with the registry's authentication."""

    def __init__(self, client: httpx.Client, path: str, credentials: Credentials | None) -> None:
        self._client = client
        self._path = path
        self._credentials = credentials

    def upload(self, blob: Descriptor, file: Path) -> bool:
        """Upload a blob unless the registry has it; say whether it was uploaded."""
        if self._send("HEAD", f"/v2/{self._path}/blobs/{blob.digest}").status_code == httpx.codes.OK:
            return False
        opened = self._expect(httpx.codes.ACCEPTED, self._send("POST", f"/v2/{self._path}/blobs/uploads/"))
        # A registry may hand an upload to another host; `urljoin` takes relative and absolute locations.
        location = httpx.URL(urljoin(str(opened.request.url), opened.headers["location"]))
        self._expect(
            httpx.codes.CREATED,
            self._send(
                "PUT",
                location.copy_merge_params({"digest": blob.digest}),
                content=lambda: _chunks(file),
                headers={"content-type": "application/octet-stream", "content-length": str(blob.size_bytes)},
            ),
        )
        return True

    def put_manifest(self, name: str, descriptor: Descriptor, content: bytes) -> None:
        """Store the manifest under a digest or a tag."""
        answer = self._expect(
            httpx.codes.CREATED,
            self._send(
                "PUT",
                f"/v2/{self._path}/manifests/{name}",
                content=lambda: iter([content]),
                headers={"content-type": descriptor.media_type, "content-length": str(len(content))},
            ),
        )
        stored = answer.headers.get("docker-content-digest", descriptor.digest)
        if stored != descriptor.digest:
            raise RegistryError(f"the registry stored the manifest as {stored}, not as {descriptor.digest}")

    def _send(
        self,
        method: str,
        url: str | httpx.URL,
        *,
        content: Callable[[], Iterator[bytes]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request, and once more with what the registry asks for when it asks for authentication."""
        try:
            answer = self._client.request(method, url, content=content() if content else None, headers=headers)
            if answer.status_code == httpx.codes.UNAUTHORIZED and self._authenticate(answer):
                answer = self._client.request(method, url, content=content() if content else None, headers=headers)
        except httpx.HTTPError as error:
            raise RegistryError(
                f"{self._client.base_url} does not answer ({method} {url}): {error or type(error).__name__}"
            ) from error
        return answer

    def _authenticate(self, refusal: httpx.Response) -> bool:
        challenge = refusal.headers.get("www-authenticate", "")
        basic = (
            None if self._credentials is None else httpx.BasicAuth(self._credentials.user, self._credentials.password)
        )
        if challenge.lower().startswith("basic"):
            if basic is None:
                return False
            self._client.auth = basic
            return True
        values = dict(_CHALLENGE.findall(challenge))
        if not challenge.lower().startswith("bearer") or "realm" not in values:
            return False
        query = {key: values[key] for key in ("service", "scope") if key in values}
        query.setdefault("scope", f"repository:{self._path}:pull,push")
        # A request of its own: the client's present authentication is the token that has just been refused.
        granted = httpx.get(values["realm"], params=query, auth=basic, timeout=_TIMEOUT)
        if granted.status_code != httpx.codes.OK:
            raise RegistryError(f"{values['realm']} grants no token for {query['scope']}: HTTP {granted.status_code}")
        body = granted.json()
        self._client.headers["authorization"] = f"Bearer {body.get('token') or body.get('access_token')}"
        return True

    def _expect(self, status: int, answer: httpx.Response) -> httpx.Response:
        if answer.status_code == status:
            return answer
        hint = " (are the credentials right, and may they push here?)" if answer.status_code in {401, 403} else ""
        raise RegistryError(
            f"{answer.request.method} {answer.request.url} was answered with HTTP {answer.status_code}{hint}: "
            f"{answer.text[:500]}"
        )


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK_BYTES):
            yield chunk
