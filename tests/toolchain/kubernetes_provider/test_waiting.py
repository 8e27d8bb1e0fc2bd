"""Waiting for readiness and for deletion: what is waited for, what is said meanwhile, and how it ends."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi import automation

pytestmark = pytest.mark.cluster


def deployment(
    *, image: str = "app:1", annotations: dict[str, str] | None = None, timeout: str | None = None, replicas: int = 2
) -> Callable[[], None]:
    labels = {"app": "web"}

    def program() -> None:
        k8s.apps.v1.Deployment(
            "web",
            metadata={"name": "web", "annotations": annotations or {}},
            spec={
                "replicas": replicas,
                "selector": {"match_labels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "app", "image": image}]},
                },
            },
            opts=pulumi.ResourceOptions(
                custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout) if timeout else None
            ),
        )

    return program


def test_a_deployment_is_waited_for_and_rolled_over(
    make_stack: Any, control_plane: Any, namespace: str, kubelet: Any
) -> None:
    stack = make_stack(deployment())
    with kubelet():
        stack.up()
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
        assert control_plane.get(path)["status"]["availableReplicas"] == 2
        stack.up(deployment(image="app:2"))
        live = control_plane.get(path)
        assert live["status"]["updatedReplicas"] == live["status"]["replicas"] == 2
        stack.refresh(expect_no_changes=True)
        stack.up(expect_no_changes=True)
        stack.destroy()
    assert control_plane.get(path) is None
    assert control_plane.get(f"/api/v1/namespaces/{namespace}/pods")["items"] == []


def test_an_image_that_cannot_be_pulled_is_told_and_the_object_is_kept(
    make_stack: Any, kubelet: Any, pod_states: Any
) -> None:
    stack = make_stack(deployment(timeout="3s"))
    behave = pod_states.held("ImagePullBackOff", 'Back-off pulling image "app:1"')
    with kubelet(behave):
        with pytest.raises(automation.CommandError) as caught:
            stack.up()
        assert 'container app: ImagePullBackOff: Back-off pulling image "app:1"' in str(caught.value)
        assert "0/2 available" in str(caught.value)
    kept = stack.resources()[-1]
    assert kept["type"] == "kubernetes:apps/v1:Deployment"
    assert kept["initErrors"]
    with kubelet():
        stack.up()  # the same program: only now it becomes ready
        assert "initErrors" not in stack.resources()[-1]
        stack.destroy()


def test_a_crash_is_told_with_its_exit_code(make_stack: Any, kubelet: Any, pod_states: Any) -> None:
    def crashing(pod: dict[str, Any]) -> dict[str, Any]:
        status = pod_states.held("CrashLoopBackOff", "back-off 10s")(pod)
        for container in status["containerStatuses"]:
            container["lastState"] = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
        return status

    stack = make_stack(deployment(timeout="10s"))
    with kubelet(crashing), pytest.raises(automation.CommandError) as caught:
        stack.up()
    assert "container app: CrashLoopBackOff, exit code 137 (OOMKilled)" in str(caught.value)


def test_an_unschedulable_pod_is_told(make_stack: Any, kubelet: Any) -> None:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
    }

    stack = make_stack(deployment(annotations={"pulumi.com/timeoutSeconds": "3"}))
    with kubelet(lambda _: {"conditions": [condition]}), pytest.raises(automation.CommandError) as caught:
        stack.up()
    assert "unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu." in str(caught.value)
    assert "after 3 s" in str(caught.value)


def test_skip_await_does_not_wait(make_stack: Any) -> None:
    stack = make_stack(deployment(annotations={"pulumi.com/skipAwait": "true"}))
    stack.up()
    assert "initErrors" not in stack.resources()[-1]


def test_a_service_waits_for_an_endpoint(make_stack: Any, control_plane: Any, namespace: str, kubelet: Any) -> None:
    def program() -> None:
        deployment(replicas=1)()
        k8s.core.v1.Service("web", metadata={"name": "web"}, spec={"selector": {"app": "web"}, "ports": [{"port": 80}]})

    stack = make_stack(program)
    with kubelet():
        stack.up()
        slices = control_plane.get(f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices")["items"]
        assert any(each["endpoints"] for each in slices)
        stack.destroy()


def test_a_load_balancer_without_an_address_is_not_ready(make_stack: Any, control_plane: Any, namespace: str) -> None:
    def program() -> None:
        annotations = {"pulumi.com/timeoutSeconds": "2"}
        service = k8s.core.v1.Service(
            "edge",
            metadata={"name": "edge", "annotations": annotations},
            spec={"type": "LoadBalancer", "ports": [{"port": 443}]},
        )
        pulumi.export("address", service.status.load_balancer.ingress[0].ip)

    stack = make_stack(program)
    stack.preview()  # the address is not known yet, and that is no error
    with pytest.raises(automation.CommandError, match="no load balancer address yet"):
        stack.up()
    path = f"/api/v1/namespaces/{namespace}/services/edge/status"
    control_plane.patch(path, {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}})
    assert stack.up().outputs["address"].value == "192.0.2.7"


def test_a_claim_that_binds_on_first_use_is_not_waited_for(make_stack: Any, control_plane: Any, namespace: str) -> None:
    def program() -> None:
        kind = k8s.storage.v1.StorageClass(
            "lazy",
            metadata={"name": f"lazy-{namespace}"},
            provisioner="example.com/none",
            volume_binding_mode="WaitForFirstConsumer",
        )
        k8s.core.v1.PersistentVolumeClaim(
            "data",
            spec={
                "access_modes": ["ReadWriteOnce"],
                "storage_class_name": kind.metadata.name,
                "resources": {"requests": {"storage": "1Gi"}},
            },
        )

    stack = make_stack(program)
    stack.up()
    stack.destroy()
    assert control_plane.get(f"/apis/storage.k8s.io/v1/storageclasses/lazy-{namespace}") is None


def test_a_namespace_is_gone_with_what_it_holds(make_stack: Any, control_plane: Any, namespace: str) -> None:
    name = f"{namespace}-inner"

    def program() -> None:
        inner = k8s.core.v1.Namespace("inner", metadata={"name": name})
        k8s.core.v1.ConfigMap("in", metadata={"name": "in", "namespace": inner.metadata.name})

    stack = make_stack(program)
    stack.up()
    control_plane.post(f"/api/v1/namespaces/{name}/configmaps", {"metadata": {"name": "not-ours"}})
    stack.destroy()
    assert control_plane.get(f"/api/v1/namespaces/{name}") is None


def test_a_finalizer_that_holds_an_object_is_told(make_stack: Any, control_plane: Any, namespace: str) -> None:
    def program() -> None:
        k8s.core.v1.ConfigMap(
            "held",
            metadata={"name": "held", "finalizers": ["example.com/hold"]},
            opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(delete="2s")),
        )

    stack = make_stack(program)
    stack.up()
    with pytest.raises(automation.CommandError, match=r"finalizers .*: example\.com/hold"):
        stack.destroy()
    path = f"/api/v1/namespaces/{namespace}/configmaps/held"
    control_plane.patch(path, {"metadata": {"finalizers": None}})
    stack.destroy()
    assert control_plane.get(path) is None


def test_a_job_that_failed_is_not_waited_for_longer(make_stack: Any, kubelet: Any) -> None:
    def program() -> None:
        template: Any = {"spec": {"restart_policy": "Never", "containers": [{"name": "main", "image": "x"}]}}
        k8s.batch.v1.Job("once", metadata={"name": "once"}, spec={"backoff_limit": 0, "template": template})

    def failing(_: dict[str, Any]) -> dict[str, Any]:
        ended = {"terminated": {"exitCode": 3, "reason": "Error"}}
        return {
            "phase": "Failed",
            "containerStatuses": [
                {"name": "main", "ready": False, "restartCount": 0, "image": "x", "imageID": "x", "state": ended}
            ],
        }

    stack = make_stack(program)
    with kubelet(failing), pytest.raises(automation.CommandError) as caught:
        stack.up()
    assert "BackoffLimitExceeded" in str(caught.value)
    assert "container main: ended, exit code 3" in str(caught.value)


def test_wait_for_a_condition_of_choice(make_stack: Any, control_plane: Any, namespace: str) -> None:
    def program() -> None:
        annotations = {
            "pulumi.com/waitFor": "jsonpath={.metadata.labels.filled}=yes",
            "pulumi.com/timeoutSeconds": "2",
        }
        k8s.core.v1.ConfigMap("data", metadata={"name": "data", "annotations": annotations})

    stack = make_stack(program)
    with pytest.raises(automation.CommandError, match="waiting for jsonpath"):
        stack.up()
    path = f"/api/v1/namespaces/{namespace}/configmaps/data"
    control_plane.patch(path, {"metadata": {"labels": {"filled": "yes"}}})
    stack.up()
