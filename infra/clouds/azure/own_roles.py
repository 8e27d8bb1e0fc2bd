"""Roles of our own, for what Azure has no narrow built-in role.

They are the subscription's, once (`infra/account/azure.py`): whoever deploys regions then needs no right to define
roles. Their ids come from the subscription's, so that a region's stack knows them without reading another's.
"""

import uuid
from collections.abc import Mapping
from enum import StrEnum


class OwnRole(StrEnum):
    """A role that the account stack defines, by its name there."""

    LAUNCH_INTO_RESERVATION = "launch-into-reservation"
    PLACE_MACHINES = "place-machines"

    def guid(self, subscription: str) -> str:
        """Its id in a subscription, the same in every update."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"/subscriptions/{subscription}/modelfleet/roles/{self}"))


OWN_ROLE_ACTIONS: Mapping[OwnRole, tuple[str, ...]] = {
    # learn.microsoft.com/azure/virtual-machines/capacity-reservation-group-share lists these actions; AKS's own page
    # (use-capacity-reservation-groups) asks for Contributor on the group's whole resource group.
    OwnRole.LAUNCH_INTO_RESERVATION: (
        "Microsoft.Compute/capacityReservationGroups/read",
        "Microsoft.Compute/capacityReservationGroups/deploy/action",
        "Microsoft.Compute/capacityReservationGroups/capacityReservations/read",
        "Microsoft.Compute/capacityReservationGroups/capacityReservations/deploy/action",
    ),
    # learn.microsoft.com/azure/aks/reduce-latency-ppg
    OwnRole.PLACE_MACHINES: (
        "Microsoft.Compute/proximityPlacementGroups/read",
        "Microsoft.Compute/proximityPlacementGroups/write",
    ),
}
