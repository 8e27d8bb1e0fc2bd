"""A region as far as what runs in its cluster needs one, and its parts recorded without an engine."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds import Region
from infra.clouds.egress import Destination, Egress
from infra.clouds.region import ApiCallers, Cluster, Identity, Registry, TenantPlace
from tests.infra.recording import Recorder, run


class AnyRegion:
    """A region with a way out to everything, and a place for one tenant, acme."""

    def __init__(self) -> None:
        provider = k8s.Provider("cluster", kubeconfig="{}")
        callers = ApiCallers(ranges=("10.0.3.0/28",), agents={"app": "konnectivity-agent"})
        self.cluster = Cluster(
            provider=provider, kubeconfig=pulumi.Output.from_input("{}"), lifetime=None, callers=callers
        )
        self.identity = Identity()
        image = pulumi.Output.from_input("registry.example/image@sha256:" + "0" * 64)
        self.registry = Registry(server=image, gateway=image, prometheus=image)
        place = TenantPlace(
            key=pulumi.Output.from_input("key"),
            storage_uri=pulumi.Output.from_input("s3://bucket/tenants/acme"),
            service_account_annotations={"cloud/identity": "acme-role"},
        )
        self.tenants = {"acme": place}
        self.egress = Egress(
            object_store=Destination.at("198.51.100.0/24", ports=[443]),
            database=Destination.at("10.0.1.0/24", "10.0.2.0/24", ports=[5432]),
            cache=Destination.at("10.0.1.0/24", ports=[6379]),
            identity=Destination.at("169.254.0.1/32", ports=[80]),
        )


def recorded(program: Callable[[Region], object], egress: Callable[[], Egress] | None = None) -> Recorder:
    """Run a program on a region, whose way out may be another one, and give what it asked for."""
    recorder = Recorder()

    def whole() -> None:
        region: Any = AnyRegion()
        if egress is not None:
            region.egress = egress()
        program(region)

    run(whole, recorder, stack="any")
    return recorder


def policies(recorder: Recorder, start: str = "") -> dict[str, dict[str, Any]]:
    """Network policies by their names in the cluster, of resources whose names start so."""
    return {
        policy["metadata"]["name"]: policy["spec"]
        for name, policy in recorder.of("NetworkPolicy").items()
        if name.startswith(start)
    }


def reached(policy: dict[str, Any]) -> dict[str, set[int]]:
    """Ports by range, of what a policy lets pods reach outside of the cluster."""
    found: dict[str, set[int]] = {}
    for rule in policy.get("egress", []):
        for peer in rule["to"]:
            if "ipBlock" in peer:
                found.setdefault(peer["ipBlock"]["cidr"], set()).update(port["port"] for port in rule["ports"])
    return found
