"""The product's own key ring and keys, as a region makes them: what they find when the stack was there before."""

import pulumi

from infra.clouds.gcp.keys import Keys, KeysArgs
from infra.clouds.gcp.scope import Scope
from infra.config import EncryptionSettings

scope = Scope(
    stack="test",
    project="modelfleet-test",
    project_number=pulumi.Output.from_input("123456789012"),
    region="europe-west4",
    environment="test",
    delete_data=True,
)
keys = Keys("keys", scope, KeysArgs(EncryptionSettings(), pulumi.InvokeOptions()))
pulumi.export("keys", {str(purpose): key for purpose, key in keys.identifiers.items()})
