"""A cluster that is not ours to make or delete: only what a kubeconfig says of it is used."""

import secrets
import shutil
from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.local_stack import LocalStack
from toolchain import images
from toolchain.cluster import ClusterState, EmbeddedCluster

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture
def somebody_s_cluster(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalStack]:
    """A stack beside a cluster that was started by other means and has the images already."""
    name = f"e2e-ctx-{secrets.token_hex(3)}"
    stack = LocalStack(name, tmp_path_factory.mktemp("state"))
    cluster = EmbeddedCluster(name, state_dir=stack.state)
    try:
        status = cluster.start()
        assert status.load_balancer_pool is not None
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
        context = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))["current-context"]
        built = {image: images.build(image) for image in ("server", "gateway")}
        for image in built.values():
            cluster.import_image(image.archive, image.reference)
        stack.write(
            kubeContext=context,
            host=str(status.load_balancer_pool[0]),
            serving={"image": built["server"].reference},
            gateway={"image": built["gateway"].reference},
            monitoring={"enabled": False},
        )
        yield stack
    finally:
        stack.fleet("down", name, "--yes", check=False)
        cluster.reset()
        stack.file.unlink(missing_ok=True)
        shutil.rmtree(stack.state, ignore_errors=True)


def test_the_stack_serves_from_it_and_leaves_it_running(somebody_s_cluster: LocalStack) -> None:
    stack = somebody_s_cluster
    stack.up()
    answer = stack.client().completions.create(model="demo-coder", prompt="def f(", max_tokens=4)
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 4
    assert stack.up() == {}
    stack.fleet("down", stack.name, "--yes")
    assert EmbeddedCluster(stack.name, state_dir=stack.state).status().state is ClusterState.RUNNING
    assert "modelfleet" not in stack.kubectl("get", "namespaces", "-o", "name")
