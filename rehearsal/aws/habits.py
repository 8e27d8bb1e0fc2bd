"""Rules of AWS that hold for every property of a name."""

import re
from typing import Final

from rehearsal.rules import Habit, Rule

_TAGS: Final = "https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html"
_EC2_IDS: Final = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html"


def _ids(places: str, prefix: str, *, others: tuple[str, ...] = ()) -> Habit:
    rule = Rule(source=_EC2_IDS, pattern=rf"{prefix}-([0-9a-f]{{8}}|[0-9a-f]{{17}})")
    return Habit(re.compile(places), rule, others=frozenset(others))


HABITS: Final = (
    Habit(re.compile(r"(^|\.)tags\.\*$"), Rule(source=_TAGS, pattern=r"[\w\s.:/=+\-@]*", max_length=256)),
    Habit(
        re.compile(r"(^|\.)(region|.*Region)$"),
        Rule(
            source="https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html",
            pattern=r"[a-z]{2}(-gov|-iso[a-z]?)?-(central|north|south|east|west|northeast|northwest|southeast|southwest)-[0-9]",
        ),
        others=frozenset({"aws:cloudfront/distribution:Distribution", "aws:route53/healthCheck:HealthCheck"}),
    ),
    Habit(
        re.compile(r"(^|\.)availabilityZones?$"),
        Rule(
            source="https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html",
            pattern=r"[a-z]{2}(-[a-z]+)+-[0-9][a-z]",
        ),
    ),
    _ids(r"(^|\.)vpcId$", "vpc"),
    _ids(r"(^|\.)(subnetIds?|subnets|vpcZoneIdentifiers)$", "subnet"),
    _ids(
        r"(^|\.)(securityGroupIds?|vpcSecurityGroupIds|referencedSecurityGroupId|securityGroups)$",
        "sg",
        others=("aws:ec2/instance:Instance",),
    ),
    _ids(r"(^|\.)routeTableIds?$", "rtb"),
    _ids(r"(^|\.)natGatewayId$", "nat"),
    _ids(r"(^|\.)allocationId$", "eipalloc"),
    _ids(r"^gatewayId$", "(igw|vgw|vpce)"),
    _ids(r"(^|\.)launchTemplate\.id$", "lt"),
)
