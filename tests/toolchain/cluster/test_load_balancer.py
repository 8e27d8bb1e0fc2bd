"""Addresses of Services: each its own, from the pool, and none moves without need."""

from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from toolchain.cluster.load_balancer import ServiceAddress, assign, status_patch

POOL = IPv4Network("10.0.0.64/29")
IN_OR_NEAR_POOL = st.integers(min_value=60, max_value=76).map(lambda low: IPv4Address(f"10.0.0.{low}"))


@st.composite
def services(draw: st.DrawFn) -> list[ServiceAddress]:
    names = draw(st.lists(st.text("abc", min_size=1, max_size=3), unique=True, max_size=12))
    return [
        ServiceAddress(
            namespace="default",
            name=name,
            wanted=(wanted := draw(st.booleans())),
            asked=draw(st.none() | IN_OR_NEAR_POOL),
            assigned=draw(st.none() | IN_OR_NEAR_POOL),
            foreign=False if wanted else draw(st.booleans()),
            created=draw(st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"])),
        )
        for name in names
    ]


def after(before: list[ServiceAddress]) -> dict[str, ServiceAddress]:
    changed = {change.name: change.address for change in assign(before, POOL)}
    return {
        service.name: ServiceAddress(
            service.namespace,
            service.name,
            service.wanted,
            service.asked,
            changed.get(service.name, service.assigned),
            service.foreign,
            service.created,
        )
        for service in before
    }


@given(services())
def test_no_two_share_and_all_are_of_the_pool(before: list[ServiceAddress]) -> None:
    ours = [service for service in after(before).values() if not service.foreign]
    addresses = [service.assigned for service in ours if service.assigned is not None]
    assert len(set(addresses)) == len(addresses)
    assert all(address in POOL for address in addresses)
    assert all(service.wanted for service in ours if service.assigned is not None)


@given(services())
def test_whoever_can_have_one_has_one(before: list[ServiceAddress]) -> None:
    result = after(before).values()
    used = {service.assigned for service in result if service.wanted}
    for service in result:
        if service.wanted and service.assigned is None:
            impossible = service.asked is not None and (service.asked not in POOL or service.asked in used)
            full = service.asked is None and len(used - {None}) == POOL.num_addresses
            assert impossible or full


@given(services())
def test_a_second_round_changes_nothing(before: list[ServiceAddress]) -> None:
    settled = list(after(before).values())
    assert [change for change in assign(settled, POOL) if not change.problem] == []


@given(services())
def test_foreign_ones_are_not_touched(before: list[ServiceAddress]) -> None:
    foreign = {service.name for service in before if service.foreign}
    assert not foreign & {change.name for change in assign(before, POOL)}


def test_reading_a_service() -> None:
    service = {
        "metadata": {"namespace": "a", "name": "b", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"type": "LoadBalancer", "loadBalancerIP": "10.0.0.66"},
        "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.65"}]}},
    }
    read = ServiceAddress.of(service)
    assert (read.wanted, str(read.asked), str(read.assigned)) == (True, "10.0.0.66", "10.0.0.65")
    service["spec"]["loadBalancerClass"] = "example.invalid/other"
    assert ServiceAddress.of(service).foreign
    assert not ServiceAddress.of(service).wanted
    assert status_patch(None) == {"status": {"loadBalancer": {"ingress": []}}}
