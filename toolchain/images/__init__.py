"""Builds the container images that run in a cluster, on a machine with or without a registry.

The way in: ``build`` (cached by what goes into the image), ``source_digest``, ``list_built``, ``push`` and
``import_into_containerd``. The names below are resolved on first use: a preview asks for a digest alone and does
without the HTTP client of a push.
"""

from typing import TYPE_CHECKING

from toolchain.lazy_names import lazy_names

if TYPE_CHECKING:
    from toolchain.images.built_image import BuiltImage, build, list_built
    from toolchain.images.containerd import import_into_containerd
    from toolchain.images.errors import ImageError
    from toolchain.images.recipe import RECIPES, Accelerator, source_digest
    from toolchain.images.registry import Credentials, push

__all__ = [
    "RECIPES",
    "Accelerator",
    "BuiltImage",
    "Credentials",
    "ImageError",
    "build",
    "import_into_containerd",
    "list_built",
    "push",
    "source_digest",
]

__getattr__ = lazy_names(
    __name__,
    {
        "RECIPES": "recipe",
        "Accelerator": "recipe",
        "BuiltImage": "built_image",
        "Credentials": "registry",
        "ImageError": "errors",
        "build": "built_image",
        "import_into_containerd": "containerd",
        "list_built": "built_image",
        "push": "registry",
        "source_digest": "recipe",
    },
)
