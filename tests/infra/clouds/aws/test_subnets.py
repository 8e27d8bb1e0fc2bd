import ipaddress
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clouds.aws.subnets import MAX_ZONES, cut


@st.composite
def ranges(draw: st.DrawFn) -> tuple[str, str, int]:
    prefix = draw(st.integers(16, 20))
    first = draw(st.integers(0, (1 << prefix - 8) - 1))
    cidr = ipaddress.IPv4Network(((10 << 24) + (first << 32 - prefix), prefix))
    return str(cidr), "100.64.0.0/16", draw(st.integers(1, MAX_ZONES))


@given(ranges())
def test_subnets_lie_in_their_range_and_apart(given_ranges: tuple[str, str, int]) -> None:
    cidr, pods, zones = given_ranges
    made = cut(cidr, pods, zones)
    assert len(made) == zones
    inside = [net for zone in made for net in (zone.nodes, zone.public, zone.data, zone.control)]
    networks = [ipaddress.IPv4Network(net) for net in inside]
    assert all(net.subnet_of(ipaddress.IPv4Network(cidr)) for net in networks)
    assert all(ipaddress.IPv4Network(zone.pods).subnet_of(ipaddress.IPv4Network(pods)) for zone in made)
    assert not any(one.overlaps(other) for one, other in combinations(networks, 2))
    assert all(16 <= net.prefixlen <= 28 for net in networks), "a VPC's subnets have 16 to 65536 addresses"


def test_a_further_zone_moves_no_other() -> None:
    assert cut("10.0.0.0/16", "100.64.0.0/16", 4)[:3] == cut("10.0.0.0/16", "100.64.0.0/16", 3)


@pytest.mark.parametrize(
    ("cidr", "zones", "words"), [("10.0.0.0/21", 3, "/20 or larger"), ("10.0.0.0/16", 5, "1 to 4")]
)
def test_what_cannot_be_cut_is_told(cidr: str, zones: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cut(cidr, "100.64.0.0/16", zones)
