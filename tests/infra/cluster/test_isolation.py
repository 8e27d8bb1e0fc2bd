"""What the gateway and the model servers may reach, recorded without an engine."""

import pytest

from infra.clouds.egress import Egress
from infra.cluster import Isolation
from infra.cluster.traffic import blocks
from tests.infra.cluster.any_region import policies, reached, recorded
from tests.infra.recording import Recorder


@pytest.fixture(scope="module")
def made() -> Recorder:
    return recorded(lambda region: Isolation("isolation", region=region))


def test_model_servers_reach_weights_their_identity_and_names_only(made: Recorder) -> None:
    servers = policies(made)["model-server"]
    assert reached(servers) == {"198.51.100.0/24": {443}, "169.254.0.1/32": {80}}
    (names,) = [rule for rule in servers["egress"] if "ipBlock" not in rule["to"][0]]
    assert {(port["port"], port["protocol"]) for port in names["ports"]} == {(53, "UDP"), (53, "TCP")}


def test_the_gateway_reaches_data_services_but_no_weights(made: Recorder) -> None:
    gateway = policies(made)["gateway"]
    assert reached(gateway) == {"10.0.1.0/24": {5432, 6379}, "10.0.2.0/24": {5432}, "169.254.0.1/32": {80}}


def test_where_weights_are_on_the_node_model_servers_have_no_way_out() -> None:
    made = recorded(lambda region: Isolation("isolation", region=region), egress=Egress)
    assert not policies(made)["model-server"].get("egress")
    assert reached(policies(made)["gateway"]) == {}


def test_a_destination_without_addresses_is_no_way_to_everywhere() -> None:
    with pytest.raises(ValueError, match="without addresses"):
        blocks(())
