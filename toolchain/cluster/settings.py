"""What a cluster was last started with; kept while it is stopped, so that it comes back with the same addresses."""

import json
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network

from toolchain.cluster.layout import ClusterLayout
from toolchain.cluster.namespaces import ProcessIdentity
from toolchain.cluster.spec import ClusterSpec


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """What a cluster was last started with."""

    subnet: IPv4Network
    spec: ClusterSpec


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The run that is going on; the file is there from the launch to the stop.

    Attributes:
        supervisor: PID 1 of the cluster.
        started_at: when it was launched (UTC, ISO 8601 with whole seconds).
        ready: whether the start has been seen through.
    """

    supervisor: ProcessIdentity
    started_at: str
    ready: bool


def read_settings(layout: ClusterLayout) -> ClusterSettings | None:
    """Return the settings; ``None`` if the cluster never ran, or its file is damaged and will be made again."""
    fields = _read(layout, "settings.json")
    if fields is None:
        return None
    spec = fields["spec"]
    subnet = spec.pop("subnet")
    companion, names = tuple(spec.pop("companion", ())), tuple(spec.pop("names", ()))
    return ClusterSettings(
        IPv4Network(fields["subnet"]),
        ClusterSpec(subnet=None if subnet is None else IPv4Network(subnet), companion=companion, names=names, **spec),
    )


def write_settings(layout: ClusterLayout, settings: ClusterSettings) -> None:
    """Write the settings."""
    spec = asdict(settings.spec) | {"subnet": settings.spec.subnet and str(settings.spec.subnet)}
    _write(layout, "settings.json", {"subnet": str(settings.subnet), "spec": spec})


def read_run(layout: ClusterLayout) -> RunRecord | None:
    """Return the record of the run; ``None`` if the cluster was stopped, or never ran."""
    fields = _read(layout, layout.run_record.name)
    if fields is None:
        return None
    return RunRecord(ProcessIdentity(**fields["supervisor"]), fields["started_at"], fields["ready"])


def write_run(layout: ClusterLayout, record: RunRecord) -> None:
    """Write the record of a run."""
    _write(layout, layout.run_record.name, asdict(record))


def _read(layout: ClusterLayout, name: str) -> dict | None:
    try:
        return json.loads((layout.folder / name).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def _write(layout: ClusterLayout, name: str, content: dict) -> None:
    path = layout.folder / name
    half = path.with_suffix(".new")
    half.write_text(json.dumps(content, indent=1))
    half.replace(path)
