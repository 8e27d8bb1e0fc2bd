"""What happened is written down, and kept long enough to be asked."""

from collections.abc import Iterator
from typing import Final

from infra.policy.requirement import at_least, given, not_false, table
from infra.policy.rule import Member, Rule, Severity, Stack, Subject

_FEWEST_DAYS: Final = 30
"""Most intrusions are noticed within a month; config sets a year (`modelfleet:logRetentionDays`)."""
_EKS_LOGS: Final = frozenset({"api", "audit", "authenticator", "controllerManager", "scheduler"})
_GKE_COMPONENTS: Final = frozenset({"SYSTEM_COMPONENTS", "WORKLOADS", "APISERVER"})

LOG_RETENTION = Rule(
    id="log-retention",
    severity=Severity.MEDIUM,
    demand=f"Logs are kept for a stated time, at least {_FEWEST_DAYS} days.",
    why="Logs without a time are kept for ever and paid for ever, or gone when they are needed.",
    remedy="Set the retention from `modelfleet:logRetentionDays`.",
    checks=table(
        {
            "aws:cloudwatch/logGroup:LogGroup": (at_least("retentionInDays", _FEWEST_DAYS),),
            "azure-native:operationalinsights:Workspace": (at_least("retentionInDays", _FEWEST_DAYS),),
            "gcp:logging/projectBucketConfig:ProjectBucketConfig": (at_least("retentionDays", _FEWEST_DAYS),),
        }
    ),
    sources=("https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html",),
)


def _eks(subject: Subject) -> Iterator[str]:
    missing = _EKS_LOGS - set(map(str, subject.inputs.known("enabledClusterLogTypes")))
    if missing:
        yield f"enabledClusterLogTypes lacks {', '.join(sorted(missing))}"


def _gke(subject: Subject) -> Iterator[str]:
    missing = _GKE_COMPONENTS - set(map(str, subject.inputs.known("loggingConfig.enableComponents")))
    if missing:
        yield f"loggingConfig.enableComponents lacks {', '.join(sorted(missing))}"


def _aks(cluster: Member, stack: Stack) -> Iterator[str]:
    if not any(
        setting.refers_to(cluster.urn)
        for setting in stack.of("azure-native:monitor:DiagnosticSetting", "azure-native:insights:DiagnosticSetting")
    ):
        yield "no DiagnosticSetting sends its control-plane logs anywhere"


CONTROL_PLANE_LOGGED = Rule(
    id="control-plane-logged",
    severity=Severity.HIGH,
    demand="Every kind of control-plane log of a cluster is kept, the audit log with them.",
    why="Who read a Secret or started a pod is answered by the audit log only.",
    remedy="Enable all log types; on AKS add a DiagnosticSetting.",
    checks={"aws:eks/cluster:Cluster": _eks, "gcp:container/cluster:Cluster": _gke},
    member_checks={"azure-native:containerservice:ManagedCluster": _aks},
    sources=(
        "https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html",
        "https://learn.microsoft.com/azure/aks/monitor-aks",
        "https://cloud.google.com/kubernetes-engine/docs/how-to/view-logs",
    ),
)


def _vpc(network: Member, stack: Stack) -> Iterator[str]:
    if not any(log.refers_to(network.urn) for log in stack.of("aws:ec2/flowLog:FlowLog")):
        yield "no FlowLog records its traffic"


def _vnet(network: Member, stack: Stack) -> Iterator[str]:
    if not any(log.refers_to(network.urn) for log in stack.of("azure-native:network:FlowLog")):
        yield "no FlowLog records its traffic"


def _subnetwork(subject: Subject) -> Iterator[str]:
    subnet = subject.inputs
    if subnet.text("purpose") in {"", "PRIVATE"} and not subnet.given("logConfig"):
        yield "logConfig is not set"  # subnets for proxies and Private Service Connect take none


FLOW_LOGS = Rule(
    id="flow-logs",
    severity=Severity.MEDIUM,
    demand="Networks record who talked to whom.",
    why="After an incident, flow logs are what tells where data went.",
    remedy="Add a flow log to the network (AWS, Azure) or `logConfig` to the subnet (Google Cloud).",
    checks={
        "gcp:compute/subnetwork:Subnetwork": _subnetwork,
        **table(
            {
                "azure-native:network:FlowLog": (not_false("enabled"), given("storageId", "a storage account")),
                "gcp:compute/backendService:BackendService": (not_false("logConfig.enable"),),
            }
        ),
    },
    member_checks={"aws:ec2/vpc:Vpc": _vpc, "azure-native:network:VirtualNetwork": _vnet},
    sources=(
        "https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html",
        "https://learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview",
        "https://cloud.google.com/vpc/docs/flow-logs",
    ),
)

RULES = (LOG_RETENTION, CONTROL_PLANE_LOGGED, FLOW_LOGS)
