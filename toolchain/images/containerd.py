"""Puts an image into containerd's store, where the kubelet finds it without any registry."""

import subprocess
from collections.abc import Sequence

from toolchain.images.built_image import BuiltImage
from toolchain.images.errors import ImportFailedError

# The namespace of the kubelet's images.
KUBERNETES_NAMESPACE = "k8s.io"


def import_into_containerd(
    image: BuiltImage, *, ctr: Sequence[str] = ("ctr",), namespace: str = KUBERNETES_NAMESPACE
) -> bool:
    """Import an image under its reference, unless containerd has it; say whether it had to.

    Layers that containerd has already are neither stored nor unpacked again.

    Args:
        image: what ``build`` returned.
        ctr: the command that reaches the right containerd, like ``("nsenter", "-t", "42", "-m", "ctr", "-a", SOCKET)``.
            It runs here, but may see another file system: the archive is handed over by standard input.
        namespace: of containerd.

    Raises:
        ImportFailedError: containerd doesn't answer, or refused the archive.
    """
    prefix = [*ctr, "--namespace", namespace, "images"]
    listed = subprocess.run(
        [*prefix, "list", "--quiet", f"name=={image.reference}"], capture_output=True, text=True, check=False
    )
    if listed.returncode:
        raise ImportFailedError(f"containerd does not answer: {listed.stderr.strip()}")
    if image.reference in listed.stdout.split():
        return False
    with image.archive.open("rb") as archive:
        imported = subprocess.run([*prefix, "import", "-"], stdin=archive, capture_output=True, text=True, check=False)
    if imported.returncode:
        raise ImportFailedError(
            f"containerd refused {image.archive}: {imported.stderr.strip() or imported.stdout.strip()}"
        )
    return True
