"""Which cluster to talk to and as whom: a kubeconfig's active context, resolved to one connection.

Read as client-go reads it (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/):
content or path or list of paths, `*-data` before files, files relative to the kubeconfig that names them.
"""

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from toolchain.provider.interface import ProviderError

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet mounts a pod's own credentials."""


class KubeconfigError(ProviderError):
    """A kubeconfig that cannot be used: what is wrong, and in which file and entry."""


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """A program that prints credentials (EKS, GKE and AKS kubeconfigs use one)."""

    api_version: str
    command: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    install_hint: str = ""
    provide_cluster_info: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Connection:
    """One cluster and one user. Certificates and keys are PEM bytes; nothing here is ever logged."""

    context: str
    server: str
    namespace: str
    certificate_authority: bytes | None = None
    insecure: bool = False
    tls_server_name: str | None = None
    proxy_url: str | None = None
    client_certificate: bytes | None = None
    client_key: bytes | None = None
    token: str | None = None
    token_file: Path | None = None
    username: str | None = None
    password: str | None = None
    exec_plugin: ExecPlugin | None = None

    def __repr__(self) -> str:
        return f"Connection({self.context!r}, {self.server!r})"


def looks_like_content(source: str) -> bool:
    """Tell a kubeconfig's text from the path of a file: text has a line break, or is a JSON object."""
    return "\n" in source.strip() or source.lstrip().startswith("{")


def load(source: str | None, *, context: str | None = None, cluster: str | None = None) -> Connection:
    """Resolve a kubeconfig to one connection.

    Args:
        source: its text, or a path, or several joined by `:`; None takes `$KUBECONFIG`, then
            `~/.kube/config`, then the service account of the pod that we run in.
        context: the context to use instead of the current one.
        cluster: the cluster to use instead of the context's.

    Raises:
        KubeconfigError: it is missing, malformed, or names something that it does not contain.
    """
    if source and looks_like_content(source):
        return _resolve(_Document.parse(source, "the kubeconfig given to the provider", None), context, cluster)
    chosen = source or os.environ.get("KUBECONFIG") or ""
    if not chosen:
        chosen = str(Path.home() / ".kube" / "config")
        if not Path(chosen).is_file() and "KUBERNETES_SERVICE_HOST" in os.environ:
            return _in_cluster()
    return _resolve(_read_files(chosen), context, cluster)


@dataclass(frozen=True, slots=True)
class _Document:
    """A parsed kubeconfig; entries remember the folder that their relative paths start from."""

    origin: str
    current_context: str
    contexts: dict[str, dict[str, Any]]
    clusters: dict[str, tuple[dict[str, Any], Path | None]]
    users: dict[str, tuple[dict[str, Any], Path | None]]

    @classmethod
    def parse(cls, text: str, origin: str, folder: Path | None) -> "_Document":
        tree = _parse_text(text, origin)
        named = {
            section: {
                entry["name"]: entry.get(section.removesuffix("s")) or {}
                for entry in tree.get(section) or []
                if isinstance(entry, dict) and "name" in entry
            }
            for section in ("contexts", "clusters", "users")
        }
        return cls(
            origin=origin,
            current_context=str(tree.get("current-context") or ""),
            contexts=named["contexts"],
            clusters={name: (entry, folder) for name, entry in named["clusters"].items()},
            users={name: (entry, folder) for name, entry in named["users"].items()},
        )

    def merged_under(self, first: "_Document") -> "_Document":
        """The first file to set a value wins, as kubectl merges."""
        return _Document(
            origin=f"{first.origin}, {self.origin}",
            current_context=first.current_context or self.current_context,
            contexts={**self.contexts, **first.contexts},
            clusters={**self.clusters, **first.clusters},
            users={**self.users, **first.users},
        )


def _parse_text(text: str, origin: str) -> dict[str, Any]:
    try:
        tree = json.loads(text)
    except ValueError:
        # Imported here: JSON kubeconfigs are the usual output of a Pulumi program, and yaml costs start-up time.
        import yaml  # noqa: PLC0415

        try:
            tree = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f", line {mark.line + 1}" if mark is not None else ""
            raise KubeconfigError(f"{origin}{place}: neither YAML nor JSON") from None
    if not isinstance(tree, dict):
        raise KubeconfigError(f"{origin}: a kubeconfig is an object with clusters, users and contexts")
    return tree


def _read_files(paths: str) -> _Document:
    document: _Document | None = None
    for path in (Path(part).expanduser() for part in paths.split(os.pathsep) if part):
        if not path.is_file():
            continue
        try:
            text = path.read_text()
        except OSError as error:
            raise KubeconfigError(f"{path}: {error.strerror}") from None
        parsed = _Document.parse(text, str(path), path.parent.absolute())
        document = parsed if document is None else parsed.merged_under(document)
    if document is None:
        raise KubeconfigError(f"no kubeconfig: {paths} does not exist. Set the provider's `kubeconfig`, or KUBECONFIG.")
    return document


def _resolve(document: _Document, context: str | None, cluster: str | None) -> Connection:
    context_name = context or document.current_context
    if not context_name and not cluster:
        raise KubeconfigError(f"{document.origin}: no current-context, and the provider's `context` is not set")
    chosen = _entry(document, "context", context_name, document.contexts) if context_name else {}
    cluster_name = cluster or str(chosen.get("cluster") or "")
    cluster_entry, cluster_folder = _entry(document, "cluster", cluster_name, document.clusters)
    server = str(cluster_entry.get("server") or "")
    if not server.startswith(("http://", "https://")):
        raise KubeconfigError(f"{document.origin}: cluster {cluster_name!r}: `server` must be an http(s) URL")
    user_name = str(chosen.get("user") or "")
    user, user_folder = _entry(document, "user", user_name, document.users) if user_name else ({}, None)
    where = f"{document.origin}: user {user_name!r}"
    token_file = user.get("tokenFile")
    return Connection(
        context=context_name,
        server=server.rstrip("/"),
        namespace=str(chosen.get("namespace") or "default"),
        certificate_authority=_pem(
            cluster_entry,
            "certificate-authority",
            cluster_folder,
            f"{document.origin}: cluster {cluster_name!r}",
        ),
        insecure=bool(cluster_entry.get("insecure-skip-tls-verify")),
        tls_server_name=cluster_entry.get("tls-server-name"),
        proxy_url=cluster_entry.get("proxy-url"),
        client_certificate=_pem(user, "client-certificate", user_folder, where),
        client_key=_pem(user, "client-key", user_folder, where),
        token=user.get("token"),
        token_file=_located(token_file, user_folder, where) if token_file else None,
        username=user.get("username"),
        password=user.get("password"),
        exec_plugin=_exec_plugin(user, where),
    )


def _entry(document: _Document, noun: str, name: str, entries: Mapping[str, Any]) -> Any:
    if name not in entries:
        there = ", ".join(sorted(entries)) or "none"
        raise KubeconfigError(f"{document.origin}: no {noun} {name!r}; there is: {there}")
    return entries[name]


def _located(path: str, folder: Path | None, where: str) -> Path:
    located = Path(path).expanduser()
    if located.is_absolute():
        return located
    if folder is None:
        raise KubeconfigError(f"{where}: {path} is a relative path, but the kubeconfig is no file: use -data fields")
    return folder / located


def _pem(entry: Mapping[str, Any], key: str, folder: Path | None, where: str) -> bytes | None:
    if data := entry.get(f"{key}-data"):
        try:
            return base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise KubeconfigError(f"{where}: {key}-data is not base64") from None
    if path := entry.get(key):
        try:
            return _located(str(path), folder, where).read_bytes()
        except OSError as error:
            raise KubeconfigError(f"{where}: {key}: {path}: {error.strerror}") from None
    return None


def _exec_plugin(user: Mapping[str, Any], where: str) -> ExecPlugin | None:
    if "auth-provider" in user:
        raise KubeconfigError(f"{where}: auth-provider was removed in Kubernetes 1.26: use exec")
    entry = user.get("exec")
    if not entry:
        return None
    if not entry.get("command"):
        raise KubeconfigError(f"{where}: exec: no command")
    return ExecPlugin(
        api_version=str(entry.get("apiVersion") or ""),
        command=str(entry["command"]),
        arguments=tuple(str(argument) for argument in entry.get("args") or ()),
        environment={str(each["name"]): str(each["value"]) for each in entry.get("env") or ()},
        install_hint=str(entry.get("installHint") or ""),
        provide_cluster_info=bool(entry.get("provideClusterInfo")),
    )


def _in_cluster() -> Connection:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        authority = (SERVICE_ACCOUNT / "ca.crt").read_bytes()
        namespace = (SERVICE_ACCOUNT / "namespace").read_text().strip()
    except OSError as error:
        raise KubeconfigError(f"{SERVICE_ACCOUNT}: {error.strerror}") from None
    return Connection(
        context="in-cluster",
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        namespace=namespace,
        certificate_authority=authority,
        token_file=SERVICE_ACCOUNT / "token",
    )
