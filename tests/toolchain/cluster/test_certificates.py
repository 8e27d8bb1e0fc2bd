"""Certificates: made once, made anew when their names change, private where they must be."""

import stat
import subprocess
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
import yaml

from toolchain.cluster.addresses import Subnet
from toolchain.cluster.certificates import Authority, Identity, ensure_encryption_configuration
from toolchain.cluster.credentials import ensure_all
from toolchain.cluster.errors import ClusterNameError, ClusterSpecError
from toolchain.cluster.layout import ClusterLayout
from toolchain.cluster.namespaces import ProcessIdentity
from toolchain.cluster.pause_binary import pause_binary
from toolchain.cluster.spec import ClusterSpec, checked_name


def test_a_leaf_is_verified_by_its_authority_and_kept_while_its_names_hold(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca").ensure()
    identity = Identity("server", "someone", groups=("a", "b"), dns_names=("x",), addresses=(IPv4Address("10.0.0.2"),))
    authority.issue(identity)
    certificate = tmp_path / "server.crt"
    verify = ["openssl", "verify", "-x509_strict", "-CAfile", str(authority.certificate), str(certificate)]
    assert subprocess.run(verify, capture_output=True, text=True, check=True).stdout.strip().endswith("OK")
    first = certificate.read_bytes()
    authority.ensure().issue(identity)
    assert certificate.read_bytes() == first
    authority.issue(Identity("server", "someone", addresses=(IPv4Address("10.0.0.3"),)))
    assert certificate.read_bytes() != first
    assert stat.S_IMODE((tmp_path / "server.key").stat().st_mode) == 0o600


def test_another_subnet_changes_the_kubeconfig_and_not_the_authority(tmp_path: Path) -> None:
    layout = ClusterLayout("local", tmp_path / "local")
    layout.folder.mkdir()
    ensure_all(layout, Subnet(IPv4Network("10.250.0.0/24")))
    authority = (layout.pki / "ca.crt").read_bytes()
    ensure_all(layout, Subnet(IPv4Network("10.250.1.0/24")))
    assert (layout.pki / "ca.crt").read_bytes() == authority
    config = yaml.safe_load(layout.kubeconfig.read_text())
    assert config["clusters"][0]["cluster"]["server"] == "https://10.250.1.2:6443"
    for private in (layout.kubeconfig, *layout.pki.glob("*.key"), layout.pki / "encryption.yaml"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600, private
    assert stat.S_IMODE(layout.pki.stat().st_mode) == 0o700


def test_the_key_of_secrets_is_never_made_twice(tmp_path: Path) -> None:
    ensure_encryption_configuration(tmp_path / "one.yaml")
    first = (tmp_path / "one.yaml").read_text()
    ensure_encryption_configuration(tmp_path / "one.yaml")
    ensure_encryption_configuration(tmp_path / "two.yaml")
    assert (tmp_path / "one.yaml").read_text() == first != (tmp_path / "two.yaml").read_text()


@pytest.mark.parametrize("name", ["local", "a", "eu-west-1", "x" * 30])
def test_good_names(name: str) -> None:
    assert checked_name(name) == name
    assert len(ClusterLayout(name, Path("/x")).host_link) <= 15


@pytest.mark.parametrize("name", ["", "-a", "a-", "1a", "A", "a_b", "a/b", "..", "x" * 31, "a b", "a\n"])
def test_bad_names(name: str) -> None:
    with pytest.raises(ClusterNameError):
        checked_name(name)


def test_long_names_have_links_of_their_own() -> None:
    links = {ClusterLayout(f"production-europe-west-{number}", Path("/x")).host_link for number in range(50)}
    assert len(links) == 50


@pytest.mark.parametrize(
    "setting",
    [{"simulated_gpus": -1}, {"subnet": IPv4Network("10.0.0.0/16")}, {"pod_security": "strict"}],
)
def test_a_bad_setting_is_named(setting: dict) -> None:
    with pytest.raises(ClusterSpecError, match=next(iter(setting))):
        ClusterSpec(**setting)


def test_a_process_is_told_apart_from_a_later_one_and_from_a_zombie() -> None:
    child = subprocess.Popen(["sleep", "60"])
    identity = ProcessIdentity.of(child.pid)
    assert identity is not None
    assert identity.alive()
    assert not ProcessIdentity(identity.pid, identity.started - 1, identity.boot).alive()
    child.kill()
    assert child.wait() == -9
    assert not identity.alive()


def test_the_pause_program_runs_reaps_and_waits(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(pause_binary())
    program.chmod(0o755)
    child = subprocess.Popen([str(program)])
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=0.3)
        status = Path(f"/proc/{child.pid}/status").read_text()
        ignored = int(next(line for line in status.splitlines() if line.startswith("SigIgn")).split()[1], 16)
        assert ignored & 1 << 16  # SIGCHLD is 17
        assert int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) < 200  # kB
    finally:
        child.terminate()
        assert child.wait() == -15
