"""The images that a cluster's containerd holds: how one gets in without a registry."""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from toolchain.cluster.command import run
from toolchain.cluster.errors import CommandError, ImageError
from toolchain.cluster.image_archive import archive_digest

_NAMESPACE = "k8s.io"  # the one that the kubelet looks in
_REFERENCE = re.compile(r"[a-z0-9][a-z0-9._/:-]*?(@(?P<digest>sha256:[0-9a-f]{64})|:[\w.-]+)")


@dataclass(frozen=True, slots=True)
class ImageStore:
    """One containerd.

    Attributes:
        socket: its socket, as a path that the caller can reach.
    """

    socket: Path

    def has(self, reference: str) -> bool:
        """Return whether an image of that name is there, complete and unpacked."""
        for line in self._ctr("images", "check", f"name=={reference}").splitlines()[1:]:
            # REF TYPE DIGEST STATUS SIZE UNPACKED: the status ("complete (3/3)") and the size have blanks.
            if line.split()[0] == reference and " complete " in line and line.split()[-1] == "true":
                return True
        return False

    def load(self, archive: Path, reference: str) -> None:
        """Import an archive under ``reference`` (``name@sha256:digest`` or ``name:tag``), unless it is there.

        Raises:
            ImageError: the archive can't be read, or holds another image than ``reference`` names.
        """
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise ImageError(f"{reference!r} names no image: give NAME@sha256:DIGEST or NAME:TAG")
        wanted = match["digest"] or ""
        if wanted and self.has(reference):
            return
        held = archive_digest(archive)
        if wanted and held and wanted != held:
            raise ImageError(f"{archive} holds {held}, not {wanted}: build the image again, and use its digest")
        # Under a name of its own first: an import that is killed must not leave half an image of the right name.
        base = f"modelfleet.local/import-{secrets.token_hex(8)}"
        try:
            self._ctr("images", "import", "--base-name", base, "--digests", str(archive))
        except CommandError as error:
            raise ImageError(f"{archive} can't be imported: {error}") from error
        # REF TYPE DIGEST …
        rows = [line.split() for line in self._ctr("images", "list", f"name~=^{base}").splitlines()[1:]]
        names, digests = [row[0] for row in rows], {row[2] for row in rows}
        try:
            if len(digests) != 1 or (wanted and digests != {wanted}):
                held = ", ".join(sorted(digests)) or "no image"
                raise ImageError(f"{archive} holds {held}, not {wanted or 'one image'}: make it as an OCI archive")
            self._ctr("images", "tag", "--force", names[0], reference)
        finally:
            # Image references have no content of their own: what `reference` points to stays.
            if names:
                self._ctr("images", "remove", *names)

    def _ctr(self, *arguments: str) -> str:
        return run("ctr", "--address", str(self.socket), "--namespace", _NAMESPACE, *arguments, timeout_s=600)
