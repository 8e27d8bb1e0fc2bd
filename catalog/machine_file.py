"""Reads a catalogue file into machines: its shape, and what one key alone can't say."""

from pathlib import Path

from catalog.data_file import DataFile, MachineEntry, SourceEntry
from catalog.machine import Gpu, Interconnect, Machine, Price, Quota, Source
from documents import Finding, SettingsError, YamlDocument


def read(file: Path, cloud: str) -> dict[str, Machine]:
    """Read and check a catalogue file.

    Raises:
        SettingsError: it says something wrong: all findings at once.
    """
    document = YamlDocument.read(file).as_json()
    data = document.as_model(DataFile)
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
