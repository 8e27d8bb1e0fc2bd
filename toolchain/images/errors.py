"""What can go wrong while an image is made, and what to do about it."""

from toolchain.errors import ToolchainError


class ImageError(ToolchainError):
    """An image could not be made, stored or sent."""


class ElfError(ImageError):
    """A shared library is not what the slimming of torch expects."""


class UnknownImageError(ImageError):
    """No image of that name is built here."""


class BaseImageError(ImageError):
    """The base image can't be fetched, or can't be made on this machine."""


class DebianPackagesError(ImageError):
    """Debian packages can't be fetched, or can't be unpacked on this machine."""


class DependenciesError(ImageError):
    """The locked Python packages of an image could not be installed."""


class BuilderMissingError(ImageError):
    """This machine has no program that builds images."""


class BuildFailedError(ImageError):
    """The image builder stopped; the message carries its last lines."""


class ArchiveError(ImageError):
    """A built image's archive is damaged or missing."""


class RegistryError(ImageError):
    """A registry refused an image, or can't be reached."""


class ImportFailedError(ImageError):
    """containerd did not take an image."""


class SignatureError(ImageError):
    """An image could not be signed, or its signature is missing or somebody else's."""


class AuditError(ImageError):
    """An image's packages could not be looked up where vulnerabilities are known."""
