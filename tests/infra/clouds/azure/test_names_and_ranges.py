"""Names, ranges, roles and kubeconfigs: what needs no resource to be right or wrong."""

import ipaddress
import re
from itertools import combinations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.clouds.azure.cluster import dns_service_address, for_automation
from infra.clouds.azure.database import disk_size_gb
from infra.clouds.azure.node_pools import deal, shares
from infra.clouds.azure.own_roles import OwnRole
from infra.clouds.azure.scope import Scope
from infra.clouds.azure.subnets import cut
from infra.config import CpuPoolSettings
from tests.infra.clouds.azure.recording import KUBECONFIG, SUBSCRIPTION


def scope(stack: str = "azure-westeurope") -> Scope:
    return Scope(stack=stack, subscription=SUBSCRIPTION, location="westeurope", environment="production")


@settings(deadline=None)
@given(st.from_regex(r"[a-z]([-a-z0-9]{0,60}[a-z0-9])?", fullmatch=True), st.integers(24, 128))
def test_long_names_are_cut_and_stay_different(part: str, longest: int) -> None:
    name = scope().name(part, longest=longest)
    assert len(name) <= longest
    assert not name.endswith("-")
    assert name != scope().name(part + "x", longest=longest)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_global_names_fit_a_storage_account(part: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]{2,23}", "".join(c for c in scope().global_name(part) if c.isascii()))
    assert len(scope().global_name(part)) <= 24


def test_another_stack_or_subscription_has_other_global_names() -> None:
    other = Scope("azure-westeurope", SUBSCRIPTION.replace("1", "2"), "westeurope", "production")
    assert len({s.global_name("models") for s in (scope(), scope("azure-northeurope"), other)}) == 3


@pytest.mark.parametrize("cidr", ["10.32.0.0/16", "10.0.0.0/8", "172.16.64.0/18"])
@pytest.mark.parametrize("zones", [2, 3])
def test_subnets_share_nothing_and_lie_in_the_range(cidr: str, zones: int) -> None:
    ranges = cut(cidr, zones)
    subnets = [
        ipaddress.IPv4Network(each)
        for each in (
            *ranges.nodes,
            ranges.endpoints,
            ranges.api_server,
            ranges.ingress,
            ranges.private_link,
            ranges.bastion,
        )
    ]
    assert all(subnet.subnet_of(ipaddress.IPv4Network(cidr)) for subnet in subnets)
    assert not any(one.overlaps(other) for one, other in combinations(subnets, 2))
    assert ipaddress.IPv4Network(ranges.bastion).prefixlen <= 26  # Azure's condition
    assert ipaddress.IPv4Network(ranges.api_server).prefixlen <= 28  # AKS's


def test_a_third_zone_moves_no_subnet() -> None:
    two, three = cut("10.32.0.0/16", 2), cut("10.32.0.0/16", 3)
    assert three.nodes[:2] == two.nodes
    assert (three.endpoints, three.bastion) == (two.endpoints, two.bastion)


@pytest.mark.parametrize(("cidr", "zones", "told"), [("10.0.0.0/20", 3, "use a /18"), ("10.0.0.0/16", 4, "3 at most")])
def test_ranges_that_azure_can_t_take_are_refused(cidr: str, zones: int, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        cut(cidr, zones)


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(1, 3))
def test_machines_are_dealt_out_evenly_and_none_is_lost(machines: int, places: int) -> None:
    dealt = deal(machines, places)
    assert sum(dealt) == machines
    assert max(dealt) - min(dealt) <= 1


def test_a_zone_without_machines_has_no_pool() -> None:
    assert [share.zone for share in shares(CpuPoolSettings(min=1, max=2), ("1", "2", "3"))] == ["1", "2"]


def test_disks_are_the_next_that_a_server_can_have() -> None:
    assert [disk_size_gb(wanted) for wanted in (20, 32, 100, 16384)] == [32, 32, 128, 16384]


def test_the_cluster_s_dns_is_inside_of_its_services_range() -> None:
    assert dns_service_address("172.20.0.0/16") == "172.20.0.10"


def test_logins_of_kubelogin_need_no_browser() -> None:
    (user,) = yaml.safe_load(for_automation(KUBECONFIG))["users"]
    assert user["user"]["exec"]["args"] == ["get-token", "--login", "azurecli"]
    without = KUBECONFIG.replace("--login", "--environment")
    (user,) = yaml.safe_load(for_automation(without))["users"]
    assert user["user"]["exec"]["args"][-2:] == ["--login", "azurecli"]


def test_other_logins_stay_as_they_are() -> None:
    certificate = yaml.safe_dump({"users": [{"name": "admin", "user": {"client-key-data": "x"}}]})
    assert yaml.safe_load(for_automation(certificate)) == yaml.safe_load(certificate)


def test_roles_of_our_own_are_the_subscription_s() -> None:
    guids = {role.guid(SUBSCRIPTION) for role in OwnRole}
    assert len(guids) == len(OwnRole)
    assert guids.isdisjoint(role.guid(SUBSCRIPTION.replace("1", "2")) for role in OwnRole)
