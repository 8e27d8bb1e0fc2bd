"""What Google Cloud's functions answer; a program that calls another one is told to add a row.

Versions are made up in the services' formats: what a rehearsal needs of them is that they are there.
"""

from collections.abc import Mapping
from typing import Any, Final

from rehearsal.table import Listed
from rehearsal.template import From

_AGENT: Final = "service-{digits:12}@simulated.iam.gserviceaccount.com"

FUNCTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "gcp:organizations/getClientConfig:getClientConfig": {
        "id": "projects/{account}",
        "project": "{account}",
        "region": "{region}",
        "zone": "{region}-a",
        "accessToken": "simulated",
        "defaultLabels": {},
    },
    "gcp:organizations/getProject:getProject": {
        "id": "projects/{account}",
        "projectId": From("projectId"),
        "number": "{digits:12}",
        "name": "{account}",
        "labels": {},
    },
    "gcp:compute/getZones:getZones": {
        "id": "projects/{account}/regions/{region}",
        "project": "{account}",
        "names": ["{region}-a", "{region}-b", "{region}-c"],
    },
    "gcp:compute/getNetblockIPRanges:getNetblockIPRanges": {
        "id": "netblock-ip-ranges",
        "cidrBlocks": ["35.191.0.0/16", "130.211.0.0/22"],
        "cidrBlocksIpv4s": ["35.191.0.0/16", "130.211.0.0/22"],
        "cidrBlocksIpv6s": [],
    },
    "gcp:storage/getProjectServiceAccount:getProjectServiceAccount": {
        "id": _AGENT,
        "emailAddress": _AGENT,
        "member": f"serviceAccount:{_AGENT}",
        "project": "{account}",
    },
    "gcp:kms/getKeyRings:getKeyRings": {
        "id": "projects/{account}/locations/{location}",
        "keyRings": Listed(
            type="gcp:kms/keyRing:KeyRing",
            where={"project": "{account}", "location": "{location}"},
            each={"id": "{id}", "name": "{id}"},
        ),
    },
    # A key whose resource was deleted is there for ever, without a version that could encrypt.
    "gcp:kms/getCryptoKeys:getCryptoKeys": {
        "id": "{keyRing}",
        "keys": Listed(
            type="gcp:kms/cryptoKey:CryptoKey",
            where={"keyRing": "{keyRing}"},
            each={
                "id": "{id}",
                "name": "{id}",
                "primaries": [{"name": "{id}/cryptoKeyVersions/1", "state": "{state}"}],
            },
            living="ENABLED",
            dead="DESTROY_SCHEDULED",
        ),
    },
    "gcp:kms/getKMSCryptoKey:getKMSCryptoKey": {"id": "{keyRing}/cryptoKeys/{name}"},
    "gcp:container/getEngineVersions:getEngineVersions": {
        "id": "simulated",
        "latestMasterVersion": "1.99.0-gke.1000000",
        "latestNodeVersion": "1.99.0-gke.1000000",
        "defaultClusterVersion": "1.99.0-gke.1000000",
        "releaseChannelDefaultVersion": {"REGULAR": "1.99.0-gke.1000000", "STABLE": "1.99.0-gke.1000000"},
        "releaseChannelLatestVersion": {"REGULAR": "1.99.0-gke.1000000", "STABLE": "1.99.0-gke.1000000"},
        "validMasterVersions": ["1.99.0-gke.1000000"],
        "validNodeVersions": ["1.99.0-gke.1000000"],
    },
}
