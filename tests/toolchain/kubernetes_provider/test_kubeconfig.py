import base64
import json
from pathlib import Path
from typing import Any

import pytest

from toolchain.kubernetes_provider.configuration import difference
from toolchain.kubernetes_provider.kubeconfig import KubeconfigError, load
from toolchain.provider.properties import UNKNOWN


def text(**changes: Any) -> str:
    tree = {
        "current-context": "a",
        "contexts": [
            {"name": "a", "context": {"cluster": "one", "user": "u", "namespace": "team"}},
            {"name": "b", "context": {"cluster": "two", "user": "u"}},
        ],
        "clusters": [
            {"name": "one", "cluster": {"server": "https://one:6443/"}},
            {"name": "two", "cluster": {"server": "https://two:6443", "certificate-authority": "ca.pem"}},
        ],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    return json.dumps({**tree, **changes})


def test_the_current_context_counts_unless_another_is_named() -> None:
    connection = load(text())
    assert (connection.server, connection.namespace, connection.token) == ("https://one:6443", "team", "t")
    assert load(text(), cluster="one", context="b").server == "https://one:6443"


def test_relative_files_start_from_the_kubeconfigs_folder(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"PEM")
    (tmp_path / "config").write_text(text())
    assert load(str(tmp_path / "config"), context="b").certificate_authority == b"PEM"
    with pytest.raises(KubeconfigError, match=r"ca\.pem is a relative path, but the kubeconfig is no file"):
        load(text(), context="b")


def test_of_several_files_the_first_to_say_something_wins(tmp_path: Path) -> None:
    (tmp_path / "first").write_text(text(**{"current-context": "b", "clusters": []}))
    (tmp_path / "second").write_text(text())
    (tmp_path / "ca.pem").write_bytes(b"PEM")
    paths = f"{tmp_path}/first:{tmp_path}/missing:{tmp_path}/second"
    assert load(paths).server == "https://two:6443"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a: [\nb: 1", "line 3: neither YAML nor JSON"),
        ("- 1\n- 2\n", "a kubeconfig is an object"),
        (text(contexts=[]), "no context 'a'; there is: none"),
        (text(clusters=[{"name": "one", "cluster": {"server": "one:6443"}}]), "`server` must be an http"),
        (text(users=[{"name": "u", "user": {"client-key-data": "%"}}]), "client-key-data is not base64"),
        (text(users=[{"name": "u", "user": {"auth-provider": {}}}]), "use exec"),
        ("/does/not/exist", "/does/not/exist does not exist"),
    ],
)
def test_what_is_wrong_is_told(source: str, message: str) -> None:
    with pytest.raises(KubeconfigError, match=message):
        load(source)


def test_no_credential_shows_in_a_repr() -> None:
    key = base64.b64encode(b"KEY").decode()
    user = {"token": "hunter2", "client-key-data": key}
    connection = load(text(users=[{"name": "u", "user": user}]))
    assert "hunter2" not in repr(connection)
    assert "KEY" not in repr(connection)


def test_another_cluster_replaces_the_provider_and_other_credentials_do_not() -> None:
    old = {"kubeconfig": text()}
    assert not difference(old, old).changes
    other_user = {"kubeconfig": text(users=[{"name": "u", "user": {"token": "new"}}])}
    assert difference(old, other_user).replaces == []
    assert difference(old, {"kubeconfig": text(), "context": "a"}).replaces == []
    moved = text(clusters=[{"name": "one", "cluster": {"server": "https://else"}}])
    assert difference(old, {"kubeconfig": moved}).replaces == ["kubeconfig"]
    assert difference(old, {"kubeconfig": UNKNOWN}).replaces == ["kubeconfig"]
    named = {"clusterIdentifier": "one"}
    assert difference({**old, **named}, {"kubeconfig": moved, **named}).replaces == []
    assert difference({**old, **named}, {**old, "clusterIdentifier": "two"}).replaces == ["clusterIdentifier"]
