"""The way to a private API server: Azure Bastion, which checks an Entra identity and tunnels to the cluster.

`fleet tunnel STACK` runs `az network bastion tunnel` over it (learn.microsoft.com/azure/bastion/
bastion-connect-to-aks-private-cluster). A runner inside the network needs none.
"""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network

from infra.clouds.azure.logs import Logs
from infra.clouds.azure.network import Network
from infra.clouds.azure.scope import Scope

SCALE_UNITS = 2
"""The least: 40 tunnels at once (learn.microsoft.com/azure/bastion/bastion-faq)."""


@dataclass(frozen=True)
class BastionArgs:
    """What the tunnel's host is made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
        network: The region's network.
        logs: Where sessions are recorded.
    """

    scope: Scope
    resource_group: pulumi.Input[str]
    network: Network
    logs: Logs


class Bastion(pulumi.ComponentResource):
    """The host and its address.

    Attributes:
        identifier: Id of the host.
    """

    identifier: pulumi.Output[str]

    def __init__(self, name: str, args: BastionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:Bastion", name, None, opts)
        address = network.PublicIPAddress(
            "bastion-address",
            resource_group_name=args.resource_group,
            public_ip_address_name=args.scope.name("bastion-address"),
            public_ip_allocation_method=network.IPAllocationMethod.STATIC,
            sku=network.PublicIPAddressSkuArgs(name=network.PublicIPAddressSkuName.STANDARD),
            zones=list(args.network.zones),
            opts=pulumi.ResourceOptions(parent=self),
        )
        host = network.BastionHost(
            "bastion",
            resource_group_name=args.resource_group,
            bastion_host_name=args.scope.name("bastion"),
            # Standard: the first that tunnels for native clients.
            sku=network.SkuArgs(name=network.BastionHostSkuName.STANDARD),
            scale_units=SCALE_UNITS,
            enable_tunneling=True,
            enable_file_copy=False,
            enable_ip_connect=False,
            enable_shareable_link=False,
            disable_copy_paste=True,
            ip_configurations=[
                network.BastionHostIPConfigurationArgs(
                    name="bastion",
                    subnet=network.SubResourceArgs(id=args.network.bastion_subnet),
                    public_ip_address=network.SubResourceArgs(id=address.id),
                    private_ip_allocation_method=network.IPAllocationMethod.DYNAMIC,
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        args.logs.record("bastion-logs", of=host.id, categories=["BastionAuditLogs"], parent=self)
        self.identifier = host.id
        self.register_outputs({"identifier": self.identifier})
