"""Every certificate, key and kubeconfig of one cluster: who is who."""

from toolchain.cluster.addresses import Subnet
from toolchain.cluster.certificates import (
    Authority,
    Identity,
    ensure_encryption_configuration,
    ensure_signing_key,
    kubeconfig,
    write_private,
)
from toolchain.cluster.layout import ClusterLayout
from toolchain.cluster.spec import API_PORT, API_SERVICE_ADDRESS, CONTROLLERS_USER, DNS_DOMAIN

_LOOPBACK_NAME = "localhost"


def ensure_all(layout: ClusterLayout, subnet: Subnet, names: tuple[str, ...] = ()) -> None:
    """Make what is missing, for another address, or close to its end.

    Args:
        layout: the cluster's files.
        subnet: its addresses.
        names: further host names of its API server.

    Raises:
        OSError: a file can't be written.
    """
    layout.pki.mkdir(parents=True, exist_ok=True, mode=0o700)
    layout.configuration.mkdir(parents=True, exist_ok=True, mode=0o700)
    cluster = Authority(layout.pki, "ca").ensure()
    database = Authority(layout.pki, "etcd-ca").ensure()
    front = Authority(layout.pki, "front-proxy-ca").ensure()

    loopback = type(subnet.node)("127.0.0.1")
    service = "kubernetes.default.svc"
    cluster.issue(
        Identity(
            "apiserver",
            "kube-apiserver",
            dns_names=(
                "kubernetes",
                "kubernetes.default",
                service,
                f"{service}.{DNS_DOMAIN}",
                _LOOPBACK_NAME,
                layout.name,
                *names,
            ),
            addresses=(API_SERVICE_ADDRESS, subnet.node, loopback),
        )
    )
    cluster.issue(
        Identity(
            "kubelet",
            f"system:node:{layout.name}",
            groups=("system:nodes",),
            dns_names=(layout.name,),
            addresses=(subnet.node,),
        )
    )
    for identity in (
        Identity("apiserver-kubelet-client", "kube-apiserver-kubelet-client", groups=("system:masters",)),
        Identity("admin", "admin", groups=("system:masters",)),
        Identity("kube-controller-manager", "system:kube-controller-manager"),
        Identity("kube-scheduler", "system:kube-scheduler"),
        Identity("kube-proxy", "system:kube-proxy"),
        Identity("node-controllers", CONTROLLERS_USER),
    ):
        cluster.issue(identity)
    front.issue(Identity("front-proxy-client", "front-proxy-client"))
    # etcd knows one client. Its own server and peer certificates are for the loopback address it listens on.
    database.issue(Identity("etcd-server", "etcd", dns_names=(_LOOPBACK_NAME,), addresses=(loopback,)))
    database.issue(Identity("etcd-client", "kube-apiserver-etcd-client"))

    ensure_signing_key(layout.pki / "service-accounts.key", layout.pki / "service-accounts.pub")
    ensure_encryption_configuration(layout.pki / "encryption.yaml")

    server = f"https://{subnet.node}:{API_PORT}"
    write_private(layout.kubeconfig, _kubeconfig(layout, server, "admin"))
    for daemon in ("kubelet", "kube-controller-manager", "kube-scheduler", "kube-proxy"):
        write_private(layout.daemon_kubeconfig(daemon), _kubeconfig(layout, server, daemon))


def _kubeconfig(layout: ClusterLayout, server: str, identity: str) -> bytes:
    pki = layout.pki
    return kubeconfig(server, layout.name, pki / "ca.crt", pki / f"{identity}.crt", pki / f"{identity}.key")
