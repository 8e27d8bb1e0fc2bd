"""Builds the container images that run in a cluster, on a machine with or without a registry.

The way in: ``build`` (cached by what goes into the image), ``source_digest``, ``list_built``, ``push`` and
``import_into_containerd``.
"""

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
