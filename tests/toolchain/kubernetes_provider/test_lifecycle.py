"""Create, change, replace, refresh, import and delete, through the real engine against a real API server."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi import automation

pytestmark = pytest.mark.cluster


def config_map(name: str = "settings", **arguments: Any) -> Callable[[], None]:
    def program() -> None:
        made = k8s.core.v1.ConfigMap(name, **arguments)
        pulumi.export("name", made.metadata.name)

    return program


def test_a_resource_is_created_named_kept_and_deleted(make_stack: Any, control_plane: Any, namespace: str) -> None:
    stack = make_stack(config_map(data={"a": "1"}))
    before = control_plane.objects()
    preview = stack.preview()
    assert preview.change_summary.get("create") == 2
    assert control_plane.objects() == before, "a preview touches nothing"

    name = stack.up().outputs["name"].value
    prefix, _, digits = name.rpartition("-")
    assert (prefix, len(digits)) == ("settings", 8)
    live = control_plane.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
    assert live["data"] == {"a": "1"}
    assert stack.resources()[0]["id"] == f"{namespace}/{name}"

    assert stack.up(expect_no_changes=True).summary.resource_changes == {"same": 2}
    stack.refresh(expect_no_changes=True)
    stack.destroy()
    assert control_plane.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}") is None


def test_labels_change_in_place_and_content_makes_a_new_object(
    make_stack: Any, control_plane: Any, namespace: str
) -> None:
    stack = make_stack(config_map(data={"a": "1"}))
    first = stack.up().outputs["name"].value
    labelled = config_map(data={"a": "1"}, metadata={"labels": {"team": "ml"}})
    result = stack.up(labelled)
    assert result.summary.resource_changes == {"same": 1, "update": 1}
    live = control_plane.get(f"/api/v1/namespaces/{namespace}/configmaps/{first}")
    assert live["metadata"]["labels"] == {"team": "ml"}
    # A label that leaves the program leaves the object: the field manager owned it.
    stack.up(config_map(data={"a": "1"}))
    live = control_plane.get(f"/api/v1/namespaces/{namespace}/configmaps/{first}")
    assert "labels" not in live["metadata"]
    second = stack.up(config_map(data={"a": "2"})).outputs["name"].value
    assert second != first
    assert control_plane.get(f"/api/v1/namespaces/{namespace}/configmaps/{first}") is None


def test_a_named_object_is_deleted_before_its_replacement(make_stack: Any, control_plane: Any, namespace: str) -> None:
    stack = make_stack(config_map(metadata={"name": "fixed"}, data={"a": "1"}))
    stack.up()
    path = f"/api/v1/namespaces/{namespace}/configmaps/fixed"
    uid = control_plane.get(path)["metadata"]["uid"]
    changed = config_map(metadata={"name": "fixed"}, data={"a": "2"})
    stack.preview(changed)
    stack.up(changed)
    live = control_plane.get(path)
    assert live["data"] == {"a": "2"}
    assert live["metadata"]["uid"] != uid


def test_the_server_says_which_change_needs_a_new_object(make_stack: Any, control_plane: Any, namespace: str) -> None:
    def service(cluster_ip: str) -> Callable[[], None]:
        def program() -> None:
            ports: Any = [{"port": 80}]
            k8s.core.v1.Service("web", metadata={"name": "web"}, spec={"cluster_ip": cluster_ip, "ports": ports})

        return program

    stack = make_stack(service("10.96.77.1"))
    stack.up()
    preview = stack.preview(service("10.96.77.2"))
    assert preview.change_summary.get("replace") == 1
    stack.up()
    live = control_plane.get(f"/api/v1/namespaces/{namespace}/services/web")
    assert live["spec"]["clusterIP"] == "10.96.77.2"


def test_another_spelling_of_the_same_quantity_is_no_change(make_stack: Any) -> None:
    def quota(cpu: str) -> Callable[[], None]:
        def program() -> None:
            k8s.core.v1.ResourceQuota("limits", spec={"hard": {"cpu": cpu}})

        return program

    stack = make_stack(quota("1000m"))
    stack.up()
    stack.refresh(expect_no_changes=True)
    stack.up(quota("1"), expect_no_changes=True)


def test_refresh_sees_what_others_changed_and_up_sets_it_back(
    make_stack: Any, control_plane: Any, namespace: str
) -> None:
    stack = make_stack(config_map(metadata={"name": "shared", "labels": {"tier": "gold"}}))
    stack.up()
    path = f"/api/v1/namespaces/{namespace}/configmaps/shared"
    control_plane.patch(path, {"metadata": {"labels": {"tier": "lead", "other": "kept"}}}, fieldManager="someone")
    assert stack.refresh().summary.resource_changes.get("update") == 1
    with pytest.raises(automation.CommandError, match=r"metadata\.labels\.tier is managed by 'someone'"):
        stack.up()
    forced = {"name": "shared", "labels": {"tier": "gold"}, "annotations": {"pulumi.com/patchForce": "true"}}
    stack.up(config_map(metadata=forced))
    assert control_plane.get(path)["metadata"]["labels"] == {"tier": "gold", "other": "kept"}


def test_an_object_that_vanished_is_dropped_by_refresh_and_made_again(
    make_stack: Any, control_plane: Any, namespace: str
) -> None:
    stack = make_stack(config_map(metadata={"name": "gone"}))
    stack.up()
    path = f"/api/v1/namespaces/{namespace}/configmaps/gone"
    control_plane.delete(path)
    assert stack.refresh().summary.resource_changes.get("delete") == 1
    stack.up()
    assert control_plane.get(path) is not None
    control_plane.delete(path)
    stack.destroy()


def test_an_object_of_someone_else_is_refused_then_imported(
    make_stack: Any, control_plane: Any, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    control_plane.apply(
        f"{path}/theirs",
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}, "data": {"a": "1"}},
        "kubectl",
    )
    program = config_map("taken", metadata={"name": "theirs"}, data={"a": "1"})
    stack = make_stack(program)
    for operation in (stack.preview, stack.up):
        with pytest.raises(automation.CommandError) as caught:
            operation()
        assert f"pulumi import kubernetes:core/v1:ConfigMap <resource name> {namespace}/theirs" in str(caught.value)
        assert "managed by kubectl" in str(caught.value)

    def importing() -> None:
        options = pulumi.ResourceOptions(import_=f"{namespace}/theirs")
        metadata: Any = {"name": "theirs", "namespace": namespace}
        k8s.core.v1.ConfigMap("taken", metadata=metadata, data={"a": "1"}, opts=options)

    assert stack.up(importing).summary.resource_changes.get("import") == 1
    assert stack.resources()[0]["inputs"]["data"] == {"a": "1"}
    stack.up(program, expect_no_changes=True)


def test_an_update_that_was_killed_after_creation_goes_on(make_stack: Any, control_plane: Any, namespace: str) -> None:
    program = config_map(metadata={"name": "half"}, data={"a": "1"})
    stack = make_stack(program)
    stack.up()
    state = stack.automation.export_stack()
    kept = [each for each in state.deployment["resources"] if each["type"] != "kubernetes:core/v1:ConfigMap"]
    stack.automation.import_stack(automation.Deployment(state.version, {**state.deployment, "resources": kept}))
    stack.up()
    assert "created by an interrupted update" in stack.text
    assert control_plane.get(f"/api/v1/namespaces/{namespace}/configmaps/half")["data"] == {"a": "1"}


def test_secrets_stay_secret(make_stack: Any, control_plane: Any, namespace: str) -> None:
    def program() -> None:
        password = pulumi.Output.secret("correct-horse-battery")
        k8s.core.v1.Secret("login", metadata={"name": "login"}, string_data={"password": password})
        k8s.core.v1.ConfigMap("copy", metadata={"name": "copy"}, data={"url": pulumi.Output.concat("u:", password)})

    stack = make_stack(program)
    stack.up()
    live = control_plane.get(f"/api/v1/namespaces/{namespace}/secrets/login")
    assert base64.b64decode(live["data"]["password"]) == b"correct-horse-battery"
    state = stack.checkpoint()
    assert "kubernetes:core/v1:Secret" in state
    for text in (b"correct-horse-battery", b"u:correct-horse-battery"):
        assert text.decode() not in state
        assert base64.b64encode(text).decode() not in state
    stack.refresh(expect_no_changes=True)
    stack.up(expect_no_changes=True)
    assert "correct-horse" not in stack.checkpoint()


def test_a_refused_secret_is_not_quoted(make_stack: Any) -> None:
    def program() -> None:
        name = pulumi.Output.secret("Not A Label: correct-horse")
        k8s.core.v1.ConfigMap("bad", metadata={"name": "bad", "labels": {"a": name}})

    stack = make_stack(program)
    with pytest.raises(automation.CommandError) as caught:
        stack.up()
    assert "metadata.labels" in str(caught.value)
    assert "correct-horse" not in str(caught.value)


def test_a_misspelt_field_names_itself(make_stack: Any) -> None:
    def program() -> None:
        ports: Any = [{"port": 80, "targetprt": 1}]
        k8s.core.v1.Service("web", spec={"ports": ports})

    message = r"spec\.ports\[port=80,.*\]\.targetprt does not exist in v1 Service"
    with pytest.raises(automation.CommandError, match=message):
        make_stack(program).up()


def test_patch_and_list_kinds_are_refused(make_stack: Any) -> None:
    def patch() -> None:
        k8s.core.v1.ConfigMapPatch("p", metadata={"name": "p"}, data={"a": "1"})

    with pytest.raises(automation.CommandError, match="ConfigMapPatch is not supported"):
        make_stack(patch).preview()


def test_custom_resources_of_a_definition_in_the_same_update(
    make_stack: Any, control_plane: Any, namespace: str
) -> None:
    group = f"{namespace}.example.com"

    def program(size: int = 1) -> None:
        schema: Any = {"type": "object", "x_kubernetes_preserve_unknown_fields": True}
        versions: Any = [{"name": "v1", "served": True, "storage": True, "schema": {"open_apiv3_schema": schema}}]
        definition = k8s.apiextensions.v1.CustomResourceDefinition(
            "ships",
            metadata={"name": f"ships.{group}"},
            spec={
                "group": group,
                "scope": "Namespaced",
                "names": {"plural": "ships", "singular": "ship", "kind": "Ship"},
                "versions": versions,
            },
        )
        k8s.apiextensions.CustomResource(
            "titan",
            api_version=f"{group}/v1",
            kind="Ship",
            metadata={"name": "titan"},
            spec={"size": size},
            opts=pulumi.ResourceOptions(depends_on=[definition]),
        )

    stack = make_stack(program)
    assert stack.preview().change_summary.get("create") == 3
    stack.up()
    path = f"/apis/{group}/v1/namespaces/{namespace}/ships/titan"
    assert control_plane.get(path)["spec"] == {"size": 1}
    stack.up(expect_no_changes=True)
    stack.up(lambda: program(2))
    assert control_plane.get(path)["spec"] == {"size": 2}
    stack.refresh(expect_no_changes=True)
    stack.destroy()
    assert control_plane.get(f"/apis/{group}/v1") is None


def test_an_unreachable_cluster_is_not_a_missing_object(make_stack: Any, control_plane: Any, forwarder: Any) -> None:
    settings = {"kubernetes:kubeconfig": control_plane.kubeconfig(server=forwarder.url)}
    stack = make_stack(config_map(data={"a": "1"}), config=settings)
    stack.up()
    forwarder.cut()
    for operation in (stack.refresh, stack.up, stack.destroy):
        with pytest.raises(automation.CommandError, match=rf"{forwarder.url} .*cannot be reached"):
            operation()
    assert len(stack.resources()) == 1, "the object is still known"
    stack.automation.workspace.env_vars["PULUMI_K8S_DELETE_UNREACHABLE"] = "true"
    stack.destroy()
    assert stack.resources() == []


def test_a_bad_kubeconfig_is_told_at_once(make_stack: Any, control_plane: Any) -> None:
    stack = make_stack(config_map(), config={"kubernetes:context": "nope"})
    with pytest.raises(automation.CommandError, match="no context 'nope'; there is: test"):
        stack.preview()
    expired = control_plane.kubeconfig(user={"token": "expired"})
    stack = make_stack(config_map(), config={"kubernetes:kubeconfig": expired}, name="other")
    with pytest.raises(automation.CommandError, match="did not accept the credentials of context 'test'"):
        stack.preview()


def test_credentials_from_a_program(
    make_stack: Any, control_plane: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("exec")
    script = folder / "login"
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": control_plane.token},
    }
    script.write_text(f"#!/bin/sh\necho run >> {folder}/runs\ncat <<'END'\n{json.dumps(credential)}\nEND\n")
    script.chmod(0o755)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(script)}}
    stack = make_stack(
        config_map(data={"a": "1"}), config={"kubernetes:kubeconfig": control_plane.kubeconfig(user=user)}
    )
    stack.up()
    assert len(stack.resources()) == 1
    assert (folder / "runs").read_text().count("run") == 1, "one login serves all requests of an update"


def test_a_cluster_that_is_not_known_yet_is_no_error_in_a_preview(
    make_stack: Any, control_plane: Any, namespace: str
) -> None:
    def program() -> None:
        first = k8s.core.v1.ConfigMap("first")
        kubeconfig = first.metadata.uid.apply(lambda _: control_plane.kubeconfig())
        other = k8s.Provider("other", kubeconfig=kubeconfig, namespace=namespace, enable_secret_mutable=True)
        options = pulumi.ResourceOptions(provider=other)
        k8s.core.v1.Secret("in-it", metadata={"name": "in-it"}, string_data={"a": "b"}, opts=options)

    stack = make_stack(program)
    assert stack.preview().change_summary.get("create") == 4
    stack.up()
    assert control_plane.get(f"/api/v1/namespaces/{namespace}/secrets/in-it") is not None
    stack.up(expect_no_changes=True)


def test_an_ignored_field_is_left_to_the_autoscaler_that_owns_it(
    make_stack: Any, control_plane: Any, namespace: str
) -> None:
    def program(image: str = "app:1") -> None:
        labels = {"app": "web"}
        template: Any = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": image}]}}
        k8s.apps.v1.Deployment(
            "web",
            metadata={"name": "web", "annotations": {"pulumi.com/skipAwait": "true"}},
            spec={"replicas": 1, "selector": {"match_labels": labels}, "template": template},
            opts=pulumi.ResourceOptions(ignore_changes=["spec.replicas"]),
        )

    stack = make_stack(program)
    stack.up()
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    control_plane.patch(f"{path}/scale", {"spec": {"replicas": 5}}, fieldManager="autoscaler")
    stack.up(lambda: program("app:2"))
    live = control_plane.get(path)
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "app:2"
    assert live["spec"]["replicas"] == 5
