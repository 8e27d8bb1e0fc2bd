"""What can go wrong with an embedded cluster: each error says what, where, and what to do about it."""

from toolchain.errors import ToolchainError


class ClusterError(ToolchainError):
    """The embedded cluster can't do what was asked. The message is complete: show it alone."""


class ClusterNameError(ClusterError):
    """A name that can't be a cluster's, or that another state folder's cluster has already taken."""


class ClusterOwnedError(ClusterError):
    """The cluster belongs to somebody else."""


class ClusterSpecError(ClusterError):
    """A setting of the cluster has a value that can't work."""


class MachineError(ClusterError):
    """The machine lacks something: root, a program, a kernel feature."""


class AddressPoolError(ClusterError):
    """No subnet is free for the cluster, or the one asked for clashes with a route of this machine."""


class DiskSpaceError(ClusterError):
    """There is too little free space for the cluster's data."""


class DaemonFailedError(ClusterError):
    """A daemon keeps dying; the message carries its last lines."""


class StartTimeoutError(ClusterError):
    """The cluster did not become ready in time; the message says what it was waiting for."""


class StopError(ClusterError):
    """Processes of the cluster could not be ended."""


class NotRunningError(ClusterError):
    """The cluster isn't running, and what was asked needs it to."""


class CommandError(ClusterError):
    """A system command failed; the message carries the command and what it said."""


class ImageError(ClusterError):
    """An image archive can't be read, or doesn't hold the digest that it is imported under."""


class ApiError(ClusterError):
    """The API server refused a request."""
