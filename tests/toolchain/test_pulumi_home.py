import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain import builder, pulumi_home
from toolchain.errors import FlavourMismatchError, PulumiHomeError
from toolchain.flavour import Flavour, require_same, running_flavour
from toolchain.pulumi_home import choose_flavour, ensure_home, pulumi_environment, shell_exports


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    engine = tmp_path / "engine"
    engine.mkdir()
    monkeypatch.setattr(builder, "ensure", lambda _name: engine)
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path / "state"))
    for name in (
        "PULUMI_BACKEND_URL",
        "PULUMI_CONFIG_PASSPHRASE",
        "PULUMI_CONFIG_PASSPHRASE_FILE",
        "MODELFLEET_FLAVOUR",
        "MODELFLEET_PULUMI",
    ):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "state"


def test_the_built_home_has_the_plugin_at_the_version_of_the_installed_sdk() -> None:
    from importlib.metadata import version  # noqa: PLC0415

    home = ensure_home(Flavour.BUILT)
    plugin = home / "plugins" / f"resource-kubernetes-v{version('pulumi-kubernetes')}"
    assert os.access(plugin / "pulumi-resource-kubernetes", os.X_OK)
    (host,) = home.glob("plugins/language-python-v*/pulumi-language-python")
    assert os.access(host, os.X_OK)


def test_the_official_home_holds_only_what_no_one_else_has() -> None:
    home = ensure_home(Flavour.OFFICIAL)
    assert [path.name for path in home.glob("plugins/*/*")] == ["pulumi-resource-modelfleet"]
    assert home != ensure_home(Flavour.BUILT)


def test_a_script_of_a_clone_that_moved_is_rewritten_and_others_are_left_alone() -> None:
    home = ensure_home(Flavour.BUILT)
    (script,) = home.glob("plugins/resource-kubernetes-*/pulumi-resource-kubernetes")
    written = script.read_text()
    script.write_text(written.replace(sys.executable, "/moved/away/python"))
    (host,) = home.glob("plugins/language-*/pulumi-language-python")
    before = host.stat().st_mtime_ns
    ensure_home(Flavour.BUILT)
    assert script.read_text() == written
    assert host.stat().st_mtime_ns == before


def test_a_script_starts_this_clone_from_any_folder_whatever_pythonpath_says(tmp_path: Path) -> None:
    decoy = tmp_path / "decoy" / "toolchain"
    decoy.mkdir(parents=True)
    (decoy / "__init__.py").write_text("raise SystemExit('the wrong toolchain')")
    (script,) = ensure_home(Flavour.BUILT).glob("plugins/language-*/pulumi-language-python")
    with subprocess.Popen(
        [script],
        cwd=decoy.parent,
        env={**os.environ, "PYTHONPATH": str(decoy.parent)},
        stdout=subprocess.PIPE,
        text=True,
    ) as host:
        assert host.stdout is not None
        assert int(host.stdout.readline()) > 0
        host.terminate()
        assert host.wait(30) == 0


def test_the_environment_is_complete_and_keeps_its_passphrase(state: Path) -> None:
    first = pulumi_environment(Flavour.BUILT)
    assert first["PULUMI_BACKEND_URL"] == f"file://{state}/pulumi/backend"
    assert (state / "pulumi" / "backend").is_dir()
    passphrase = Path(first["PULUMI_CONFIG_PASSPHRASE_FILE"])
    assert stat.S_IMODE(passphrase.stat().st_mode) == 0o600
    secret = passphrase.read_text()
    assert len(secret) >= 32
    assert pulumi_environment(Flavour.BUILT) == first
    assert passphrase.read_text() == secret
    assert first["MODELFLEET_FLAVOUR"] == "built"
    assert first["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"


def test_a_users_own_backend_and_passphrase_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://team-state")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "")
    environment = pulumi_environment(Flavour.BUILT)
    assert environment["PULUMI_BACKEND_URL"] == "s3://team-state"
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in environment


def test_exports_survive_a_shell_and_a_second_eval(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path / "it's a state"))
    environment = pulumi_environment(Flavour.BUILT)
    printed = subprocess.run(
        ["bash", "-c", f'eval {shlex.quote(shell_exports(Flavour.BUILT))}; printf %s "$PULUMI_HOME"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout == environment["PULUMI_HOME"]
    monkeypatch.setenv("PATH", environment["PATH"])
    assert pulumi_environment(Flavour.BUILT)["PATH"] == environment["PATH"]


def test_a_state_folder_that_cant_be_written_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("MODELFLEET_STATE", str(blocked))
    with pytest.raises(PulumiHomeError, match="MODELFLEET_STATE"):
        ensure_home(Flavour.BUILT)


def test_the_choice_follows_the_user_then_path_then_what_is_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pulumi_home, "find_official", lambda: None)
    monkeypatch.setattr(builder, "is_built", lambda _name: True)
    assert choose_flavour() is Flavour.BUILT
    monkeypatch.setattr(pulumi_home, "find_official", lambda: tmp_path)
    assert choose_flavour() is Flavour.OFFICIAL
    monkeypatch.setenv("MODELFLEET_PULUMI", "built")
    assert choose_flavour() is Flavour.BUILT


def test_another_flavour_is_refused_with_the_way_out() -> None:
    require_same("dev", "", Flavour.BUILT)
    require_same("dev", "built", Flavour.BUILT)
    with pytest.raises(FlavourMismatchError, match=r"stack dev was made with the official.*MODELFLEET_PULUMI=official"):
        require_same("dev", "official", Flavour.BUILT)
    with pytest.raises(FlavourMismatchError, match=r"'futuristic' plugins"):
        require_same("dev", "futuristic", Flavour.BUILT)


def test_a_process_knows_its_flavour(monkeypatch: pytest.MonkeyPatch) -> None:
    assert running_flavour() is Flavour.OFFICIAL
    monkeypatch.setenv("MODELFLEET_FLAVOUR", "simulated")
    assert running_flavour() is Flavour.SIMULATED
    monkeypatch.setenv("MODELFLEET_FLAVOUR", "fake")
    with pytest.raises(FlavourMismatchError, match="fake"):
        running_flavour()
