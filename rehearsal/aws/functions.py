"""What AWS's functions answer; a program that calls another one is told to add a row.

Versions and image ids are made up in the services' formats: what a rehearsal needs of them is that they are there.
"""

from collections.abc import Mapping
from typing import Any, Final

from rehearsal.table import Listed, ListedByTag
from rehearsal.template import From

_IMAGE: Final = {
    "id": "ami-{hex:17}",
    "imageId": "ami-{hex:17}",
    "architecture": "x86_64",
    "arn": "arn:aws:ec2:{region}::image/ami-{hex:17}",
    "name": "simulated-ami",
    "ownerId": "{account}",
}
_ZONES: Final = {
    "id": "{region}",
    "names": ["{region}a", "{region}b", "{region}c"],
    "zoneIds": ["{region}-az1", "{region}-az2", "{region}-az3"],
    "groupNames": ["{region}"],
}
_REGION: Final = {
    "id": "{region}",
    "name": "{region}",
    "region": "{region}",
    "description": "simulated",
    "endpoint": "ec2.{region}.simulated.invalid",
}

FUNCTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {
        "id": "{account}",
        "accountId": "{account}",
        "arn": "arn:aws:iam::{account}:role/simulated",
        "userId": "AROASIMULATED:rehearsal",
    },
    "aws:index/getRegion:getRegion": _REGION,
    "aws:index/getPartition:getPartition": {
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    },
    "aws:index/getAvailabilityZones:getAvailabilityZones": _ZONES,
    "aws:ec2/getAmi:getAmi": _IMAGE,
    "aws:ssm/getParameter:getParameter": {
        "id": From("name"),
        "arn": "arn:aws:ssm:{region}:{account}:parameter{name}",
        "type": "String",
        "value": "ami-{hex:17}",
        "insecureValue": "ami-{hex:17}",
        "version": 1,
    },
    "aws:eks/getAddonVersion:getAddonVersion": {"id": From("addonName"), "version": "v1.99.0-eksbuild.1"},
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": {
        "id": "pl-{hex:8}",
        "arn": "arn:aws:ec2:{region}:aws:prefix-list/pl-{hex:8}",
        "addressFamily": "IPv4",
        "entries": [{"cidr": "198.51.100.0/24", "description": "simulated"}],
        "maxEntries": 55,
        "ownerId": "AWS",
        "tags": {},
        "version": 1,
    },
    "aws:ec2/getPrefixList:getPrefixList": {"id": "pl-{hex:8}", "cidrBlocks": [], "prefixListId": "pl-{hex:8}"},
    "aws:cloudfront/getCachePolicy:getCachePolicy": {"id": "{uuid:policy}", "etag": "E{capitals:12}"},
    "aws:cloudfront/getOriginRequestPolicy:getOriginRequestPolicy": {"id": "{uuid:policy}", "etag": "E{capitals:12}"},
    "aws:cloudfront/getResponseHeadersPolicy:getResponseHeadersPolicy": {
        "id": "{uuid:policy}",
        "etag": "E{capitals:12}",
    },
    "aws:ec2/getVpc:getVpc": {
        "cidrBlockAssociations": Listed(
            type="aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation",
            where={"vpcId": "{id}"},
            each={"associationId": "{id}", "cidrBlock": "{cidrBlock}", "state": "associated"},
        ),
    },
    "aws:resourcegroupstaggingapi/getResources:getResources": {
        "id": "{region}",
        "resourceTagMappingLists": ListedByTag(),
    },
    "aws:elb/getServiceAccount:getServiceAccount": {"id": "{digits:12}", "arn": "arn:aws:iam::{digits:12}:root"},
}
