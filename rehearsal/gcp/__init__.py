"""Google Cloud, as its tables describe it."""

from typing import Final

from rehearsal.discovery_documents import DiscoveryDocuments
from rehearsal.gcp.dependents import HELD_BY, HELD_ERROR
from rehearsal.gcp.functions import FUNCTIONS
from rehearsal.gcp.habits import HABITS
from rehearsal.gcp.joins import JOINS
from rehearsal.gcp.limits import LIMITS
from rehearsal.gcp.names import NAMES
from rehearsal.gcp.resources import COMMON_OUTPUTS, ROWS
from rehearsal.rules import merged
from rehearsal.table import Cloud, Row

CLOUD: Final = Cloud(
    plugin="gcp",
    package="pulumi_gcp",
    rows=ROWS,
    functions=FUNCTIONS,
    default=Row(id="projects/{project}/{class}/{label}"),
    common_outputs=COMMON_OUTPUTS,
    input_defaults={"project": "{account}", "region": "{region}", "location": "{region}"},
    replaces=("name", "project", "location", "region", "zone"),
    account=("{config.project}", "{rehearsal.account}"),
    region=("{config.region}", "{rehearsal.region}"),
    config_replaces=("project",),
    source=DiscoveryDocuments(),
    joins=JOINS,
    names=merged(NAMES, LIMITS),
    habits=HABITS,
    held_by=HELD_BY,
    held_error=HELD_ERROR,
)
