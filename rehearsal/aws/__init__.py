"""AWS, as its tables describe it."""

from typing import Final

from rehearsal.aws.dependents import HELD_BY, HELD_ERROR
from rehearsal.aws.functions import FUNCTIONS
from rehearsal.aws.habits import HABITS
from rehearsal.aws.joins import JOINS
from rehearsal.aws.limits import LIMITS
from rehearsal.aws.names import NAMES
from rehearsal.aws.resources import COMMON_OUTPUTS, ROWS
from rehearsal.rules import merged
from rehearsal.service_models import ServiceModels
from rehearsal.table import Cloud, Row

CLOUD: Final = Cloud(
    plugin="aws",
    package="pulumi_aws",
    rows=ROWS,
    functions=FUNCTIONS,
    default=Row(id="{label}-{hex:8}"),
    common_outputs=COMMON_OUTPUTS,
    replaces=("region",),
    account=("{config.allowedAccountIds.0}", "{rehearsal.account}"),
    region=("{config.region}", "{rehearsal.region}"),
    regional=True,
    config_replaces=("region", "allowedAccountIds"),
    source=ServiceModels(),
    joins=JOINS,
    names=merged(NAMES, LIMITS),
    habits=HABITS,
    held_by=HELD_BY,
    held_error=HELD_ERROR,
)
