"""Gives Services of type LoadBalancer an address of the cluster's pool; kube-proxy does the balancing.

The host routes the whole pool to the node, so an address works as soon as kube-proxy knows it. Which ones are taken
is read from the Services' own status: there is no other book that could differ from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """What a Service asks for and has.

    Attributes:
        namespace: the Service's namespace.
        name: the Service's name.
        wanted: whether this cluster's load balancer serves it: type LoadBalancer, and no class of another one.
        asked: the address in ``spec.loadBalancerIP``, if there is one.
        assigned: the address in its status, if there is one.
        foreign: whether it belongs to the load balancer of another class, whose status isn't ours to touch.
        created: when it was made (RFC 3339), by which the older of two claims wins.
    """

    namespace: str
    name: str
    wanted: bool
    asked: IPv4Address | None = None
    assigned: IPv4Address | None = None
    foreign: bool = False
    created: str = ""

    @classmethod
    def of(cls, service: dict[str, Any]) -> "ServiceAddress":
        """Read a Service."""
        spec, metadata = service["spec"], service["metadata"]
        ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress", [])
        balanced = spec.get("type") == "LoadBalancer"
        foreign = balanced and bool(spec.get("loadBalancerClass"))
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            wanted=balanced and not foreign and "deletionTimestamp" not in metadata,
            asked=_address(spec.get("loadBalancerIP", "")),
            assigned=_address(ingress[0].get("ip", "")) if ingress else None,
            foreign=foreign,
            created=metadata.get("creationTimestamp", ""),
        )


@dataclass(frozen=True, slots=True)
class Assignment:
    """A change of one Service's status.

    Attributes:
        namespace: the Service's namespace.
        name: the Service's name.
        address: what it gets; ``None`` takes its address away.
        problem: why it gets none although it wants one; empty otherwise.
    """

    namespace: str
    name: str
    address: IPv4Address | None
    problem: str = ""


def assign(services: Iterable[ServiceAddress], pool: IPv4Network) -> list[Assignment]:
    """Return the changes that give every Service that wants one an address of ``pool`` of its own."""
    ordered = sorted(services, key=lambda service: (service.created, service.namespace, service.name))
    taken: set[IPv4Address] = set()
    open_claims: list[ServiceAddress] = []
    changes: list[Assignment] = []
    for service in ordered:
        keeps = (
            service.wanted and service.assigned in pool and service.assigned not in taken if service.assigned else False
        )
        if keeps and service.assigned is not None and service.asked in {None, service.assigned}:
            taken.add(service.assigned)
        elif service.wanted:
            open_claims.append(service)
        elif service.assigned is not None and not service.foreign:
            changes.append(Assignment(service.namespace, service.name, None))
    for service in open_claims:
        address, problem = _pick(service, pool, taken)
        if address is not None:
            taken.add(address)
        if address != service.assigned or problem:
            changes.append(Assignment(service.namespace, service.name, address, problem))
    return changes


def _pick(service: ServiceAddress, pool: IPv4Network, taken: set[IPv4Address]) -> tuple[IPv4Address | None, str]:
    if service.asked is not None:
        if service.asked not in pool:
            return None, f"loadBalancerIP {service.asked} is outside the pool {pool}"
        if service.asked in taken:
            return None, f"loadBalancerIP {service.asked} belongs to another Service"
        return service.asked, ""
    free = next((address for address in pool if address not in taken), None)
    return free, "" if free is not None else f"all {pool.num_addresses} addresses of {pool} are taken"


def status_patch(address: IPv4Address | None) -> dict[str, Any]:
    """Return the merge patch of a Service's status that says ``address``."""
    ingress = [] if address is None else [{"ip": str(address), "ipMode": "VIP"}]
    return {"status": {"loadBalancer": {"ingress": ingress}}}


def _address(text: str) -> IPv4Address | None:
    try:
        return IPv4Address(text)
    except AddressValueError:
        return None
