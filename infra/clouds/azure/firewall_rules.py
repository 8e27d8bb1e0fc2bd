"""Rules of the subnets' network security groups, written as rows.

A group of ours always ends in a rule that denies all that its rows don't name, since Azure's own last rules let
everything inside the network through (learn.microsoft.com/azure/virtual-network/network-security-groups-overview).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pulumi_azure_native import network

INTERNET = "Internet"
VIRTUAL_NETWORK = "VirtualNetwork"
LOAD_BALANCER = "AzureLoadBalancer"

_FIRST_PRIORITY = 100
_STEP = 10
_LAST_PRIORITY = 4096


@dataclass(frozen=True)
class Allow:
    """One rule that lets traffic through.

    Attributes:
        name: Name of the rule.
        source: Service tag or range.
        ports: Destination ports.
        destination: Service tag or range.
        outbound: Whether it is about what leaves the subnet.
    """

    name: str
    source: str
    ports: Sequence[str]
    destination: str = "*"
    outbound: bool = False


def security_rules(allowed: Sequence[Allow], *, deny_rest_outbound: bool = False) -> list[network.SecurityRuleArgs]:
    """The rows as a security group's rules, the denial of everything else last."""
    rules = [
        network.SecurityRuleArgs(
            name=row.name,
            priority=_FIRST_PRIORITY + _STEP * index,
            access=network.SecurityRuleAccess.ALLOW,
            direction=_direction(outbound=row.outbound),
            protocol=network.SecurityRuleProtocol.TCP,
            source_address_prefix=row.source,
            source_port_range="*",
            destination_address_prefix=row.destination,
            destination_port_ranges=list(row.ports),
        )
        for index, row in enumerate(allowed)
    ]
    rules.append(_deny_rest(outbound=False))
    if deny_rest_outbound:
        rules.append(_deny_rest(outbound=True))
    return rules


def _deny_rest(*, outbound: bool) -> network.SecurityRuleArgs:
    return network.SecurityRuleArgs(
        name="deny-rest-outbound" if outbound else "deny-rest",
        priority=_LAST_PRIORITY,
        access=network.SecurityRuleAccess.DENY,
        direction=_direction(outbound=outbound),
        protocol=network.SecurityRuleProtocol.ASTERISK,
        source_address_prefix="*",
        source_port_range="*",
        destination_address_prefix="*",
        destination_port_range="*",
    )


def _direction(*, outbound: bool) -> network.SecurityRuleDirection:
    return network.SecurityRuleDirection.OUTBOUND if outbound else network.SecurityRuleDirection.INBOUND
