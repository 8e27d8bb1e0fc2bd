from __future__ import annotations

from rehearsal.sdk_index import resource_classes
from rehearsal.sdk_reader import read

PACKAGE = "pulumi_azure_native"


def sku_names(token: str) -> tuple[object, ...]:
    schema = read(token, *resource_classes(PACKAGE)[token])
    sku = schema.objects[schema.inputs["sku"].type.name]
    return sku["name"].type.values or ()


def test_enumerations_of_one_name_in_two_modules_are_told_apart() -> None:
    # Both SDK modules write `Union[str, 'SkuName']`, which Python makes one object.
    registry = sku_names("azure-native:containerregistry:Registry")
    redis = sku_names("azure-native:redisenterprise:RedisEnterprise")
    assert "Premium" in registry
    assert "Balanced_B5" in redis
    assert "Premium" not in redis
