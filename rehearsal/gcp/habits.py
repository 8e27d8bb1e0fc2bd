"""Rules of Google Cloud that hold for every property of a name."""

import re
from typing import Final

from rehearsal.rules import Habit, Rule

_PLACES: Final = "cloud.google.com/compute/docs/regions-zones"
_REGION: Final = r"[a-z]+-[a-z]+[0-9]+"

HABITS: Final = (
    Habit(
        re.compile(r"(^|\.)([a-z]*[lL]abels)\.\*$"),
        Rule(
            source="cloud.google.com/resource-manager/docs/labels-overview#requirements",
            pattern=r"[a-z0-9_-]*",
            max_length=63,
        ),
        # Labels of nodes are Kubernetes' own; a notification channel's are its address.
        others=frozenset(
            {
                "gcp:container/nodePool:NodePool",
                "gcp:container/cluster:Cluster",
                "gcp:monitoring/notificationChannel:NotificationChannel",
            }
        ),
    ),
    Habit(re.compile(r"^region$"), Rule(source=_PLACES, pattern=rf"(.*/)?{_REGION}")),
    Habit(re.compile(r"^zone$"), Rule(source=_PLACES, pattern=rf"(.*/)?{_REGION}-[a-z]+[0-9]*")),
    Habit(re.compile(r"(^|\.)nodeLocations$"), Rule(source=_PLACES, pattern=rf"{_REGION}-[a-z]+[0-9]*")),
    Habit(
        re.compile(r"^location$"),
        Rule(source=_PLACES, pattern=rf"(?i:global|us|eu|asia|europe|nam\d+|eur\d+|asia\d*|{_REGION}(-[a-z])?)"),
    ),
    Habit(
        re.compile(r"^project$"),
        Rule(
            source="cloud.google.com/resource-manager/docs/creating-managing-projects",
            pattern=r"(projects/)?([a-z][a-z0-9.:-]*[a-z0-9]|[0-9]+)",
        ),
    ),
    Habit(
        re.compile(r"^role$"),
        Rule(
            source="cloud.google.com/iam/docs/understanding-roles",
            pattern=r"(roles|projects/[^/]+/roles|organizations/[^/]+/roles)/[A-Za-z0-9_.]+",
        ),
    ),
    Habit(
        re.compile(r"^members?$"),
        Rule(
            source="cloud.google.com/iam/docs/principal-identifiers",
            pattern=r"(allUsers|allAuthenticatedUsers|(user|serviceAccount|group|domain|deleted|principal|principalSet"
            r"|projectOwner|projectEditor|projectViewer):.+)",
        ),
    ),
    Habit(
        re.compile(
            r"(^|\.)(kmsKey|kmsKeyName|defaultKmsKeyName|encryptionKeyName|cryptoKeyId|bootDiskKmsKey|databaseEncryption\.keyName)$"
        ),
        Rule(
            source="cloud.google.com/kms/docs/getting-resource-ids",
            pattern=r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+(/cryptoKeyVersions/[0-9]+)?",
        ),
    ),
    Habit(
        re.compile(r"^keyRing$"),
        Rule(
            source="cloud.google.com/kms/docs/getting-resource-ids",
            pattern=r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+",
        ),
    ),
    Habit(
        re.compile(r"(^|\.)loadBalancingScheme$"),
        Rule(
            source="cloud.google.com/load-balancing/docs/forwarding-rule-concepts",
            pattern=r"(EXTERNAL|EXTERNAL_MANAGED|INTERNAL|INTERNAL_MANAGED|INTERNAL_SELF_MANAGED)?",
        ),
    ),
)
