"""The cluster's daemons: their command lines, in the order in which they start."""

import os
import sys

from toolchain.cluster.addresses import Subnet
from toolchain.cluster.daemon import BindMount, Daemon, Plan, Readiness
from toolchain.cluster.layout import ClusterLayout
from toolchain.cluster.spec import API_PORT, COMPANION_SOCKET, GPU_LABEL, POD_CIDR, SERVICE_CIDR, ClusterSpec
from toolchain.cluster.tools import Tools
from toolchain.locations import clone_dir

# Folders of which each cluster has an empty one, gone with it: sockets, locks and handles of namespaces are in the
# first, the containers' logs by a fixed name in the second.
HIDDEN = ("/run", "/var/log")

_ETCD_PORT = 2379
_ETCD_PEER_PORT = 2380

# What the kubelet would write into /proc/sys for the whole machine (pkg/kubelet/cm, setupKernelTunables).
_KERNEL_TUNABLES = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def plan(layout: ClusterLayout, subnet: Subnet, spec: ClusterSpec, tools: Tools) -> Plan:
    """Return what the supervisor of a cluster runs, and in which surroundings."""
    folders = (str(tools.kubernetes), str(tools.etcd), str(tools.coredns))
    return Plan(
        hostname=layout.name,
        cgroup=layout.namespace,
        supervision=str(layout.supervision),
        logs=str(layout.logs),
        environment={
            "PATH": ":".join((*dict.fromkeys(folders), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")),
            "HOME": str(layout.folder),
            "TMPDIR": str(layout.scratch),
            "PYTHONPATH": str(clone_dir()),
            "PYTHONUNBUFFERED": "1",
            "LANG": "C.UTF-8",
        },
        tmpfs=HIDDEN,
        folders=("/run/netns", "/run/lock", "/var/log/containers", "/run/cni-results"),
        kernel_tunables={name: value for name, value in _KERNEL_TUNABLES.items() if spec.node and _is_tunable(name)},
        bind_mounts=_bind_mounts(layout) if spec.node else (),
        daemons=(*_daemons(layout, subnet, spec, tools), *([_companion(spec)] if spec.companion else [])),
    )


def _bind_mounts(layout: ClusterLayout) -> tuple[BindMount, ...]:
    return (
        BindMount(str(layout.kubelet), "/var/lib/kubelet"),
        BindMount("/run/cni-results", "/var/lib/cni"),
    )


def _daemons(layout: ClusterLayout, subnet: Subnet, spec: ClusterSpec, tools: Tools) -> tuple[Daemon, ...]:
    control_plane = (
        _etcd(layout, spec, tools),
        _api_server(layout, subnet, spec, tools),
        _controller_manager(layout, tools),
        _scheduler(layout, tools),
    )
    if not spec.node:
        return control_plane
    return (
        _containerd(layout),
        *control_plane,
        _kubelet(layout, subnet, spec, tools),
        _proxy(layout, tools),
        _node_controllers(layout, subnet, spec),
    )


def _companion(spec: ClusterSpec) -> Daemon:
    return Daemon("companion", spec.companion, Readiness(unix_socket=COMPANION_SOCKET), after=("kube-apiserver",))


def _is_tunable(name: str) -> bool:
    return os.path.exists(f"/proc/sys/{name}")  # noqa: PTH110 - a kernel built without keys has no kernel/keys


def _containerd(layout: ClusterLayout) -> Daemon:
    return Daemon(
        "containerd",
        ("containerd", "--config", str(layout.configuration / "containerd.toml")),
        Readiness(unix_socket=layout.containerd_socket),
    )


def _etcd(layout: ClusterLayout, spec: ClusterSpec, tools: Tools) -> Daemon:
    pki = layout.pki
    client = f"https://127.0.0.1:{_ETCD_PORT}"
    peer = f"https://127.0.0.1:{_ETCD_PEER_PORT}"
    return Daemon(
        "etcd",
        (
            str(tools.etcd / "etcd"),
            f"--data-dir={layout.etcd}",
            "--name=default",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--client-cert-auth",
            "--peer-client-cert-auth",
            *(
                f"--{prefix}{option}={pki / file}"
                for prefix in ("", "peer-")
                for option, file in (
                    ("trusted-ca-file", "etcd-ca.crt"),
                    ("cert-file", "etcd-server.crt"),
                    ("key-file", "etcd-server.key"),
                )
            ),
            "--auto-compaction-retention=1h",
            "--quota-backend-bytes=1073741824",
            "--log-level=warn",
            *(() if spec.durable else ("--unsafe-no-fsync",)),
        ),
        Readiness(tcp=("127.0.0.1", _ETCD_PORT)),
    )


def _api_server(layout: ClusterLayout, subnet: Subnet, spec: ClusterSpec, tools: Tools) -> Daemon:
    pki, configuration = layout.pki, layout.configuration
    audit = (
        f"--audit-policy-file={configuration / 'audit-policy.yaml'}",
        f"--audit-log-path={layout.logs / 'audit.log'}",
        "--audit-log-maxsize=20",  # MB
        "--audit-log-maxbackup=3",
    )
    return Daemon(
        "kube-apiserver",
        (
            str(tools.kubernetes / "kube-apiserver"),
            f"--etcd-servers=https://127.0.0.1:{_ETCD_PORT}",
            f"--etcd-cafile={pki / 'etcd-ca.crt'}",
            f"--etcd-certfile={pki / 'etcd-client.crt'}",
            f"--etcd-keyfile={pki / 'etcd-client.key'}",
            f"--encryption-provider-config={pki / 'encryption.yaml'}",
            f"--advertise-address={subnet.node}",
            f"--bind-address={subnet.node}",
            f"--secure-port={API_PORT}",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            f"--client-ca-file={pki / 'ca.crt'}",
            f"--tls-cert-file={pki / 'apiserver.crt'}",
            f"--tls-private-key-file={pki / 'apiserver.key'}",
            "--tls-min-version=VersionTLS12",
            f"--authentication-config={configuration / 'authentication.yaml'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki / 'service-accounts.pub'}",
            f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--admission-control-config-file={configuration / 'admission.yaml'}",
            "--allow-privileged=true",
            "--enable-aggregator-routing=true",
            "--profiling=false",
            f"--kubelet-client-certificate={pki / 'apiserver-kubelet-client.crt'}",
            f"--kubelet-client-key={pki / 'apiserver-kubelet-client.key'}",
            f"--kubelet-certificate-authority={pki / 'ca.crt'}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            f"--proxy-client-cert-file={pki / 'front-proxy-client.crt'}",
            f"--proxy-client-key-file={pki / 'front-proxy-client.key'}",
            *(audit if spec.audit else ()),
        ),
        Readiness(https=(str(subnet.node), API_PORT, "/readyz", str(pki / "ca.crt"))),
        after=("etcd",),
    )


def _controller_manager(layout: ClusterLayout, tools: Tools) -> Daemon:
    pki, access = layout.pki, layout.daemon_kubeconfig("kube-controller-manager")
    return Daemon(
        "kube-controller-manager",
        (
            str(tools.kubernetes / "kube-controller-manager"),
            f"--kubeconfig={access}",
            f"--authentication-kubeconfig={access}",
            f"--authorization-kubeconfig={access}",
            "--bind-address=127.0.0.1",
            f"--cluster-cidr={POD_CIDR}",
            "--allocate-node-cidrs=true",
            "--pvclaimbinder-sync-period=2s",  # a claim that was seen before its volume waits for the next round
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            f"--service-account-private-key-file={pki / 'service-accounts.key'}",
            f"--root-ca-file={pki / 'ca.crt'}",
            f"--cluster-signing-cert-file={pki / 'ca.crt'}",
            f"--cluster-signing-key-file={pki / 'ca.key'}",
            f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            "--profiling=false",
        ),
        after=("kube-apiserver",),
    )


def _scheduler(layout: ClusterLayout, tools: Tools) -> Daemon:
    access = layout.daemon_kubeconfig("kube-scheduler")
    return Daemon(
        "kube-scheduler",
        (
            str(tools.kubernetes / "kube-scheduler"),
            f"--kubeconfig={access}",
            f"--authentication-kubeconfig={access}",
            f"--authorization-kubeconfig={access}",
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
            "--profiling=false",
        ),
        after=("kube-apiserver",),
    )


def _kubelet(layout: ClusterLayout, subnet: Subnet, spec: ClusterSpec, tools: Tools) -> Daemon:
    labels = [f"{GPU_LABEL}={spec.simulated_gpus}"] if spec.simulated_gpus else []
    return Daemon(
        "kubelet",
        (
            str(tools.kubernetes / "kubelet"),
            f"--config={layout.configuration / 'kubelet.yaml'}",
            f"--kubeconfig={layout.daemon_kubeconfig('kubelet')}",
            f"--hostname-override={layout.name}",
            f"--node-ip={subnet.node}",
            *(f"--node-labels={label}" for label in labels),
        ),
        after=("containerd", "kube-apiserver"),
    )


def _proxy(layout: ClusterLayout, tools: Tools) -> Daemon:
    return Daemon(
        "kube-proxy",
        (str(tools.kubernetes / "kube-proxy"), f"--config={layout.configuration / 'kube-proxy.yaml'}"),
        after=("kube-apiserver",),
        before_start=(("nft", "-f", str(layout.configuration / "forget-kube-proxy.nft")),),
    )


def _node_controllers(layout: ClusterLayout, subnet: Subnet, spec: ClusterSpec) -> Daemon:
    return Daemon(
        "node-controllers",
        (
            sys.executable,
            "-m",
            "toolchain.cluster.node_controllers",
            f"--server=https://{subnet.node}:{API_PORT}",
            f"--pki={layout.pki}",
            f"--node={layout.name}",
            f"--pool={subnet.load_balancers}",
            f"--volumes={layout.volumes}",
            f"--simulated-gpus={spec.simulated_gpus}",
        ),
        after=("kube-apiserver",),
    )
