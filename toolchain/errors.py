"""What can go wrong while a machine is set up: each error says what, where, and what to do about it."""


class ToolchainError(Exception):
    """The machine lacks something. The message is complete: show it alone, without a traceback."""


class LocationError(ToolchainError):
    """A folder that the environment names can't be used."""


class GoMissingError(ToolchainError):
    """There is no Go compiler on PATH."""


class GoTooOldError(ToolchainError):
    """The Go compiler on PATH is older than a pinned module asks for."""


class ModuleRefusedError(ToolchainError):
    """The Go module proxy doesn't hand out a module (403, 404) or can't be reached."""


class ChecksumError(ToolchainError):
    """A downloaded module isn't the one that go.sum pins."""


class DiskFullError(ToolchainError):
    """There is too little free space for a build."""


class BuildError(ToolchainError):
    """``go build`` failed for another reason; the message carries its last lines."""


class UnknownRecipeError(ToolchainError):
    """No tool of that name is in the table of recipes."""


class PackagesError(ToolchainError):
    """Debian packages are missing and could not be installed."""


class OfficialPulumiError(ToolchainError):
    """The official Pulumi CLI was asked for by name and can't be had."""


class PulumiHomeError(ToolchainError):
    """A Pulumi home can't be made, or what it is made from is missing."""


class FlavourMismatchError(ToolchainError):
    """A stack that one flavour of plugins made is about to be changed with another one."""
