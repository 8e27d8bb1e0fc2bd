"""The catalogue in memory: read once, looked up by cloud and SKU."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from catalog.data_file import DataFile, MachineEntry, SourceEntry
from catalog.machine import Gpu, Interconnect, Machine, Price, Quota, Source
from documents import Finding, SettingsError, YamlDocument, explain

CLOUDS = ("aws", "azure", "gcp")
_DATA = Path(__file__).parent / "data"


class UnknownMachineError(LookupError):
    """The catalogue has no such machine; the text names the nearest ones."""


def machine(cloud: str, sku: str) -> Machine:
    """Look a machine up.

    Raises:
        UnknownMachineError: the catalogue doesn't have it.
    """
    known = _machines_of(cloud) if cloud in CLOUDS else {}
    if sku in known:
        return known[sku]
    close = get_close_matches(sku, known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(sorted(known))}"
    raise UnknownMachineError(f"{sku!r} is no GPU machine of {cloud} in the catalogue; {hint}")


def find(sku: str) -> Machine:
    """Look a machine up in every cloud: no two clouds share a name.

    Raises:
        UnknownMachineError: no cloud has it.
    """
    known = {machine.sku: machine for machine in machines()}
    if sku in known:
        return known[sku]
    close = get_close_matches(sku, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "`fleet catalog list` lists all"
    raise UnknownMachineError(f"{sku!r} is no GPU machine of any cloud in the catalogue; {hint}")


def machines(cloud: str | None = None) -> tuple[Machine, ...]:
    """Give all machines, or one cloud's, in the order of their files."""
    return tuple(found for name in CLOUDS if cloud in {None, name} for found in _machines_of(name).values())


@cache
def _machines_of(cloud: str) -> Mapping[str, Machine]:
    return read(_DATA / f"{cloud}.yaml", cloud)


def read(file: Path, cloud: str) -> dict[str, Machine]:
    """Read and check a catalogue file.

    Raises:
        SettingsError: it says something wrong: all findings at once.
    """
    document = YamlDocument.read(file)
    # Dates and numbers as YAML knows them become what JSON would hold, so that one strictness fits all files.
    content = json.loads(json.dumps(document.content, default=str))
    try:
        data = DataFile.model_validate(content)
    except ValidationError as error:
        raise explain(error, DataFile, file=document.file, lines=document.lines, namespace="") from error
    found: dict[str, Machine] = {}
    problems: list[Finding] = []
    for index, entry in enumerate(data.machines):
        path = ("machines", index)
        line = document.lines.get((*path, "sku"))
        if entry.sku in found:
            problems.append(Finding(document.file, line, f"machines[{index}].sku", f"{entry.sku} is there twice"))
        for kind, key in _references(entry):
            if key not in (data.offers if kind == "offers" else data.sources):
                problems.append(
                    Finding(document.file, line, f"machines[{index}].{kind}", f"{key!r} is not described in this file")
                )
        if not problems:
            found[entry.sku] = _machine(cloud, entry, data)
    problems.extend(
        Finding(
            document.file, document.lines.get(("offers", name)), f"offers.{name}.source", f"{offer.source!r} is none"
        )
        for name, offer in data.offers.items()
        if offer.source not in data.sources
    )
    if problems:
        raise SettingsError(problems)
    return found


def _references(entry: MachineEntry) -> list[tuple[str, str]]:
    references = [("source", entry.source), ("quota.source", entry.quota.source)]
    if entry.offers is not None:
        references.append(("offers", entry.offers))
    if entry.price is not None:
        references.append(("price.source", entry.price.source))
    return references


def _machine(cloud: str, entry: MachineEntry, data: DataFile) -> Machine:
    offer = None if entry.offers is None else data.offers[entry.offers]
    zones = None if offer is None or offer.zones is None else tuple(sorted(offer.zones))
    regions = None if offer is None else offer.regions
    if zones is not None:
        regions = tuple({zone.rpartition("-")[0] for zone in zones})
    sources = [("specifications", entry.source), ("quota", entry.quota.source)]
    if offer is not None:
        sources.append(("regions", offer.source))
    return Machine(
        cloud=cloud,
        sku=entry.sku,
        arch=entry.arch,
        vcpus=entry.vcpus,
        memory_gib=entry.memory_gib,
        gpu=Gpu(entry.gpu.model, entry.gpu.count, entry.gpu.memory_gib),
        nvme_gb=entry.nvme_gb,
        network_gbps=entry.network_gbps,
        interconnect=Interconnect(entry.interconnect.kind, entry.interconnect.interfaces, entry.interconnect.gbps),
        quota=Quota(entry.quota.on_demand, entry.quota.spot, entry.quota.amount, entry.quota.unit),
        regions=None if regions is None else tuple(sorted(regions)),
        zones=zones,
        rungs=entry.rungs,
        prices=()
        if entry.price is None
        else tuple(
            Price(region, dollars, _source(data.sources[entry.price.source]))
            for region, dollars in sorted(entry.price.usd_per_hour.items())
        ),
        sources=tuple((what, _source(data.sources[key])) for what, key in sources),
    )


def _source(entry: SourceEntry) -> Source:
    return Source(entry.title, entry.url, entry.date)
