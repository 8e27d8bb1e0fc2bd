"""What can go wrong while an image is made, and what to do about it."""


class ImageError(Exception):
    """An image could not be made, stored or sent; the message says why and what would help."""


class ElfError(ImageError):
    """A shared library is not what the slimming of torch expects."""
