import json

from toolchain.kubernetes_provider.managed_fields import applied_configuration, manages, other_owners


def owned(manager: str, fields: dict, *, operation: str = "Apply", subresource: str = "") -> dict:
    entry = {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields}
    return {**entry, "subresource": subresource} if subresource else entry


def web(*entries: dict) -> dict:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "default",
            "uid": "u",
            "labels": {"a": "1", "b": "2"},
            "managedFields": list(entries),
        },
        "spec": {
            "replicas": 3,
            "template": {
                "spec": {
                    "containers": [
                        {"name": "sidecar", "image": "s"},
                        {"name": "app", "image": "i", "imagePullPolicy": "Always", "args": ["-v", "-q"]},
                    ]
                }
            },
        },
        "status": {"replicas": 3},
    }


APP_IMAGE = {
    "f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"app"}': {".": {}, "f:name": {}, "f:image": {}}}}}}
}


def test_an_import_takes_what_people_set_and_not_what_controllers_did() -> None:
    live = web(
        owned("kubectl", {"f:metadata": {"f:labels": {"f:a": {}}}, **APP_IMAGE}),
        owned("kube-controller-manager", {"f:spec": {"f:replicas": {}}}, operation="Update"),
        owned("kubectl", {"f:spec": {"f:replicas": {}}}, operation="Update", subresource="scale"),
    )
    assert applied_configuration(live) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default", "labels": {"a": "1"}},
        "spec": {"template": {"spec": {"containers": [{"name": "app", "image": "i"}]}}},
    }


def test_kubectls_own_record_is_taken_whole() -> None:
    live = web()
    text = json.dumps({"metadata": {"name": "web", "labels": {"a": "1"}}, "spec": {"replicas": 3}})
    live["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": text}
    assert applied_configuration(live)["metadata"] == {
        "labels": {"a": "1"},
        "name": "web",
        "namespace": "default",
    }
    assert applied_configuration(live)["spec"] == {"replicas": 3}


def test_an_object_without_any_record_gives_all_but_its_status() -> None:
    configuration = applied_configuration(web())
    assert "status" not in configuration
    assert configuration["spec"] == web()["spec"]
    assert "uid" not in configuration["metadata"]


def test_owners_of_a_field() -> None:
    live = web(owned("ours", APP_IMAGE), owned("scaler", {"f:spec": {"f:replicas": {}}}, operation="Update"))
    assert other_owners(live, ("spec", "replicas"), "ours") == ["scaler"]
    assert other_owners(live, ("spec", "template", "spec", "containers", 1, "image"), "scaler") == ["ours"]
    assert other_owners(live, ("spec", "template", "spec", "containers", 0, "image"), "scaler") == []
    assert manages(live, "ours")
    assert not manages(live, "scaler"), "an update is no apply"
