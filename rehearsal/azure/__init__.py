"""Azure, as its tables describe it."""

from typing import Final

from rehearsal.azure.dependents import HELD_BY, HELD_ERROR
from rehearsal.azure.functions import FUNCTIONS
from rehearsal.azure.habits import HABITS
from rehearsal.azure.limits import LIMITS
from rehearsal.azure.names import NAMES
from rehearsal.azure.resources import COMMON_OUTPUTS, ROWS
from rehearsal.rules import merged
from rehearsal.table import Cloud, Row

CLOUD: Final = Cloud(
    plugin="azure-native",
    package="pulumi_azure_native",
    rows=ROWS,
    functions=FUNCTIONS,
    default=Row(id="/subscriptions/{account}/resourceGroups/{resourceGroupName}/providers/{module}/{class}/{label}"),
    common_outputs=COMMON_OUTPUTS,
    input_defaults={"location": "{region}"},
    replaces=("location", "resourceGroupName"),
    account=("{config.subscriptionId}", "{rehearsal.account}"),
    region=("{config.location}", "{rehearsal.region}"),
    nested=True,
    config_replaces=("subscriptionId", "tenantId"),
    names=merged(NAMES, LIMITS),
    habits=HABITS,
    sdk_values_bind=True,
    held_by=HELD_BY,
    held_error=HELD_ERROR,
)
