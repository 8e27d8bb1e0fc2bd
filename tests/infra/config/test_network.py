"""Ranges of addresses, and who reaches the API server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Told = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("network", "path"),
    [
        ({"cidr": "100.64.0.0/20"}, "podCidr"),
        ({"cidr": "172.20.0.0/16"}, "serviceCidr"),
        ({"podCidr": "172.20.0.0/20"}, "serviceCidr"),
    ],
)
def test_ranges_of_one_stack_may_not_overlap(told: Told, network: dict[str, Any], path: str) -> None:
    (finding,) = told(network=network)
    assert finding.startswith(f"modelfleet:network.{path}: ")
    assert "overlaps network." in finding


@pytest.mark.parametrize(
    ("cloud", "network", "finding"),
    [
        ("aws", {"cidr": "10.0.0.0/8"}, "cidr: 10.0.0.0/8: aws takes a prefix from /16 to /28 here"),
        ("aws", {"podCidr": "100.64.0.0/10"}, "podCidr: 100.64.0.0/10: aws takes a prefix from /16 to /28 here"),
        ("gcp", {"podCidr": "100.64.0.0/24"}, "podCidr: 100.64.0.0/24: gcp takes a prefix from /9 to /21 here"),
        ("azure", {"cidr": "10.0.0.0/30"}, "cidr: 10.0.0.0/30: azure takes a prefix from /8 to /28 here"),
    ],
)
def test_a_range_has_a_size_that_the_cloud_takes(told: Told, cloud: str, network: dict[str, Any], finding: str) -> None:
    assert told(cloud=cloud, network=network) == [f"modelfleet:network.{finding}"]


@pytest.mark.parametrize("wrong", ["10.0.0.1/16", "10.0.0.0", "10.0.0.0/33", "fd00::/48", "net"])
def test_a_range_is_a_network_address_and_a_prefix(told: Told, wrong: str) -> None:
    (finding,) = told(network={"cidr": wrong})
    assert "is not an IPv4 range" in finding


def test_peers_may_not_overlap(told: Told, write: Callable[..., Path]) -> None:
    write("other", network={"cidr": "10.0.128.0/17"})
    (finding,) = told(network={"peers": ["other"]})
    assert finding.startswith("modelfleet:network.cidr: 10.0.0.0/16 overlaps other's network.cidr (10.0.128.0/17)")


def test_pods_of_peers_may_be_alike_for_they_are_never_routed(told: Told, write: Callable[..., Path]) -> None:
    write("other", network={"cidr": "10.1.0.0/16"})
    assert told(network={"peers": ["other"]}) == []


def test_a_peer_that_is_no_stack_is_told(told: Told) -> None:
    (finding,) = told(network={"peers": ["other"]})
    assert finding.startswith("modelfleet:network.peers[0]: 'other' is no stack")


@pytest.mark.parametrize(
    ("api", "finding"),
    [
        ({"access": "restricted"}, "modelfleet:api.authorizedRanges: is missing"),
        (
            {"access": "restricted", "authorizedRanges": ["0.0.0.0/0"]},
            "modelfleet:api.authorizedRanges[0]: 0.0.0.0/0 is",
        ),
        ({"authorizedRanges": ["203.0.113.0/24"]}, "modelfleet:api.authorizedRanges: goes with `access: restricted`"),
    ],
)
def test_the_api_is_for_named_networks(told: Told, api: dict[str, Any], finding: str) -> None:
    (found,) = told(api=api)
    assert found.startswith(finding)


def test_a_restricted_api_with_ranges_is_right(told: Told) -> None:
    assert told(api={"access": "restricted", "authorizedRanges": ["203.0.113.0/24"]}) == []
