"""The daemons' configuration files. Values that aren't Kubernetes' defaults carry their reason."""

import json
import resource
from pathlib import Path

import yaml

from toolchain.cluster.addresses import Subnet
from toolchain.cluster.layout import ClusterLayout
from toolchain.cluster.spec import DNS_ADDRESS, DNS_DOMAIN, NODE_POD_CIDR, POD_CIDR, ClusterSpec

PAUSE_REFERENCE = "modelfleet.local/pause:1"
KUBE_PROXY_TABLES = ("ip", "ip6")

_SNAPSHOTTERS_NOT_USED = ("aufs", "btrfs", "devmapper", "zfs")
_LONGEST_OPEN_FILES = 1_000_000  # the kubelet's own default


def write_all(layout: ClusterLayout, subnet: Subnet, spec: ClusterSpec) -> None:
    """Write every configuration file of the cluster's daemons.

    Raises:
        OSError: a file can't be written.
    """
    folder = layout.configuration
    _write(folder / "containerd.toml", _containerd(layout))
    _write(folder / "cni" / "10-pods.conflist", json.dumps(_pod_network(), indent=1))
    _write(folder / "resolv.conf", f"nameserver {DNS_ADDRESS}\n")
    _write_yaml(folder / "kubelet.yaml", _kubelet(layout, subnet))
    _write_yaml(folder / "kube-proxy.yaml", _kube_proxy(layout))
    _write_yaml(folder / "authentication.yaml", _AUTHENTICATION)
    _write_yaml(folder / "admission.yaml", _admission(spec))
    _write_yaml(folder / "audit-policy.yaml", _AUDIT_POLICY)
    # A killed kube-proxy leaves emptied endpoint chains that the next one doesn't refill: it begins from nothing.
    forget = "".join(f"add table {f} kube-proxy\ndelete table {f} kube-proxy\n" for f in KUBE_PROXY_TABLES)
    _write(folder / "forget-kube-proxy.nft", forget)


def _containerd(layout: ClusterLayout) -> str:
    # Format version 2 is what Debian 12's containerd 1.6 and Ubuntu's 1.7 and 2 read.
    unused = ", ".join(f'"io.containerd.snapshotter.v1.{name}"' for name in _SNAPSHOTTERS_NOT_USED)
    return f"""\
version = 2
root = "{layout.containerd}"
state = "/run/containerd"
disabled_plugins = [{unused}, "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
  address = "{layout.containerd_socket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{layout.containerd}/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_REFERENCE}"
  restrict_oom_score_adj = true  # lowering a score takes CAP_SYS_RESOURCE, which a machine's root may lack
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{layout.configuration}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false  # the cluster's PID namespace has no systemd
"""


def _pod_network() -> dict:
    # Routed pods, not bridged ones: every packet between two pods passes the node's forward hook, where the
    # network policies are, on any kernel and without br_netfilter.
    address_range = [[{"subnet": str(NODE_POD_CIDR)}]]
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": False,  # one rule of the node does it (namespaces.py)
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni-addresses",
                    "ranges": address_range,
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
        ],
    }


def _kubelet(layout: ClusterLayout, subnet: Subnet) -> dict:
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": str(subnet.node),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(layout.pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(layout.pki / "kubelet.key"),
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.namespace}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,  # a negative one takes CAP_SYS_RESOURCE
        "maxOpenFiles": min(hard_limit if hard_limit > 0 else _LONGEST_OPEN_FILES, _LONGEST_OPEN_FILES),
        "makeIPTablesUtilChains": False,
        "seccompDefault": True,
        "clusterDNS": [str(DNS_ADDRESS)],
        "clusterDomain": DNS_DOMAIN,
        "resolvConf": str(layout.configuration / "resolv.conf"),
        "podLogsDir": str(layout.pod_logs),
        # Images come from no registry: one that the kubelet collects is gone until it is imported again.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        # How soon a changed Secret reaches a pod's files: a new key or certificate shall work when `up` has ended. The
        # kubelet's own minute spares nodes with hundreds of pods.
        "syncFrequency": "10s",
        # A pod's address reaches the network policies by its status.
        "nodeStatusUpdateFrequency": "10s",
    }


def _kube_proxy(layout: ClusterLayout) -> dict:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": str(POD_CIDR),
        "hostnameOverride": layout.name,
        "clientConnection": {"kubeconfig": str(layout.configuration / "kube-proxy.kubeconfig")},
        "oomScoreAdj": 0,  # as the kubelet's
        # The limits of connection tracking are the machine's; a network namespace can't change them.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "nftables": {"minSyncPeriod": "100ms", "syncPeriod": "30s"},
    }


_AUTHENTICATION = {
    "apiVersion": "apiserver.config.k8s.io/v1beta1",
    "kind": "AuthenticationConfiguration",
    # Nobody is served without a certificate or token, but for the probes by which the supervisor sees it is up.
    "anonymous": {"enabled": True, "conditions": [{"path": "/livez"}, {"path": "/readyz"}, {"path": "/healthz"}]},
}


def _admission(spec: ClusterSpec) -> dict:
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [
            {
                "name": "PodSecurity",
                "configuration": {
                    "apiVersion": "pod-security.admission.config.k8s.io/v1",
                    "kind": "PodSecurityConfiguration",
                    "defaults": {
                        "enforce": spec.pod_security,
                        "enforce-version": "latest",
                        "audit": "restricted",
                        "audit-version": "latest",
                        "warn": "restricted",
                        "warn-version": "latest",
                    },
                    "exemptions": {"usernames": [], "runtimeClasses": [], "namespaces": ["kube-system"]},
                },
            }
        ],
    }


_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        # The cluster's own daemons renew and watch all the time: noise that would push out what matters.
        {"level": "None", "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi*"]},
        {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
        {"level": "None", "resources": [{"group": "", "resources": ["events"]}]},
        {
            "level": "None",
            "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"],
            "verbs": ["get", "list", "watch"],
        },
        {
            "level": "None",
            "users": [
                "system:apiserver",
                "system:kube-controller-manager",
                "system:kube-scheduler",
                "system:kube-proxy",
                "modelfleet:node-controllers",
            ],
            "verbs": ["get", "list", "watch"],
        },
        # Who touched a Secret, never what is in it.
        {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets", "configmaps"]}]},
        {"level": "Metadata", "resources": [{"group": "authentication.k8s.io", "resources": ["tokenreviews"]}]},
        {"level": "Metadata"},
    ],
}


def _write_yaml(path: Path, content: dict) -> None:
    _write(path, yaml.safe_dump(content, sort_keys=False))


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_text() == content:
        return
    half = path.with_name(f"{path.name}.new")
    half.write_text(content)
    half.replace(path)
