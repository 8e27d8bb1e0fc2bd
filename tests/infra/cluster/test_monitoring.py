"""The region's Prometheus, recorded without an engine: what it reaches, who reaches it, what it keeps."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from infra.clouds import Region
from infra.clouds.region import ApiCallers
from infra.cluster import Isolation, Monitoring
from infra.cluster.monitoring import arguments, configuration
from infra.config import Cloud, MetricsVolume, MonitoringSettings, StackSettings
from release.prometheus import WINDOW_S
from tests.infra.cluster.any_region import policies, recorded
from tests.infra.recording import Recorder


def made(monitoring: MonitoringSettings | None = None, **changed: Any) -> Recorder:
    settings = StackSettings(cloud=Cloud.LOCAL, monitoring=monitoring or MonitoringSettings())

    def program(region: Region) -> None:
        cluster: Any = region
        cluster.cluster = replace(region.cluster, **changed)
        Monitoring("monitoring", region=region, isolation=Isolation("isolation", region=region), settings=settings)

    return recorded(program)


@pytest.fixture(scope="module", name="region")
def _region() -> Recorder:
    return made()


def pod(recorder: Recorder) -> dict[str, Any]:
    return recorder.of("Deployment")["prometheus"]["spec"]["template"]["spec"]


def test_it_reaches_the_metrics_and_names_only(region: Recorder) -> None:
    gateway, server, names = policies(region)["prometheus"]["egress"]
    for rule, name, port in ((gateway, "gateway", 9090), (server, "model-server", 8000)):
        (peer,) = rule["to"]
        assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == name
        assert [each["port"] for each in rule["ports"]] == [port]
    assert {each["port"] for each in names["ports"]} == {53}


def test_those_whom_it_asks_let_nobody_else_in(region: Recorder) -> None:
    for name, port in (("gateway", 9090), ("model-server", 8000)):
        policy = policies(region)[f"{name}-metrics"]
        assert policy["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == name
        (rule,) = policy["ingress"]
        assert [peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for peer in rule["from"]] == ["prometheus"]
        assert [each["port"] for each in rule["ports"]] == [port]


def test_only_the_api_server_speaks_to_it(region: Recorder) -> None:
    (rule,) = policies(region)["prometheus"]["ingress"]
    block, agents = rule["from"]
    assert block == {"ipBlock": {"cidr": "10.0.3.0/28"}}
    assert agents["podSelector"]["matchLabels"] == {"app": "konnectivity-agent"}
    assert agents["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kube-system"}
    assert [each["port"] for each in rule["ports"]] == [9090]


def test_where_the_api_server_is_on_the_node_no_pod_gets_in() -> None:
    policy = policies(made(callers=ApiCallers()))["prometheus"]
    assert "Ingress" in policy["policyTypes"]
    assert not policy.get("ingress"), "a rule without peers would let everybody in"


def test_it_has_no_rights_and_no_token(region: Recorder) -> None:
    assert not region.of("Role")
    assert not region.of("ClusterRole")
    assert pod(region)["automountServiceAccountToken"] is False
    (container,) = pod(region)["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["limits"] == {"memory": "512Mi"}


def test_targets_are_found_by_name_ready_or_not(region: Recorder) -> None:
    services = {service["metadata"]["name"]: service["spec"] for service in region.of("Service").values()}
    jobs = yaml.safe_load(region.of("ConfigMap")["prometheus-config"]["data"]["prometheus.yml"])["scrape_configs"]
    assert [job["job_name"] for job in jobs] == ["gateway", "model-server"]
    for job in jobs:
        (found,) = job["dns_sd_configs"]
        service = services[found["names"][0]]
        assert (service["clusterIP"], service["publishNotReadyAddresses"]) == ("None", True)
        assert service["selector"]["app.kubernetes.io/name"] == job["job_name"]
        assert found["port"] == service["ports"][0]["port"]


def test_another_configuration_makes_another_pod() -> None:
    marks = {
        str(made(MonitoringSettings(scrape_s=pause)).of("Deployment")["prometheus"]["spec"]["template"]["metadata"])
        for pause in (5, 10)
    }
    assert len(marks) == 2


def test_what_is_kept_ends_with_the_pod_unless_a_disk_is_asked_for(region: Recorder) -> None:
    data = next(volume for volume in pod(region)["volumes"] if volume["name"] == "data")
    assert data["emptyDir"] == {"sizeLimit": "2Gi"}
    assert not region.of("PersistentVolumeClaim")
    claimed = made(MonitoringSettings(volume=MetricsVolume.CLAIM, volume_gib=20, storage_class="encrypted"))
    claim = claimed.of("PersistentVolumeClaim")["prometheus-data"]["spec"]
    assert (claim["storageClassName"], claim["resources"]["requests"]) == ("encrypted", {"storage": "20Gi"})
    deployment = claimed.of("Deployment")["prometheus"]["spec"]
    assert deployment["strategy"] == {"type": "Recreate"}, "two pods can't have it at once"
    (mount,) = [each for each in pod(claimed)["containers"][0]["volumeMounts"] if each["name"] == "data"]
    assert not mount["readOnly"]


def test_it_keeps_less_than_its_volume_holds() -> None:
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in arguments(MonitoringSettings(volume_gib=1)))
    assert flags["storage.tsdb.retention.time"] == "24h"
    assert int(flags["storage.tsdb.retention.size"].removesuffix("MB")) < 1024
    assert not {name for name in flags if "enable" in name}, "no admin API, no lifecycle API, no remote write"


@pytest.mark.parametrize("pause", [5, 15])
def test_a_window_of_the_gate_has_two_scrapes(pause: int) -> None:

    whole = yaml.safe_load(configuration(MonitoringSettings(scrape_s=pause), stack="s", region="r"))["global"]
    assert 2 * int(whole["scrape_interval"].removesuffix("s")) <= WINDOW_S
    assert int(whole["scrape_timeout"].removesuffix("s")) <= pause
