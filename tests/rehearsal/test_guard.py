"""A simulator works in a rehearsal and nowhere else."""

import json
from pathlib import Path

import pytest

from rehearsal import guard
from rehearsal.roll_call import require_simulators
from rehearsal.world import RehearsalError, World
from toolchain.flavour import VARIABLE


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path / "state"))
    source = tmp_path / "source"
    source.mkdir()
    (source / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    (source / "Pulumi.test.yaml").write_text(
        "secretsprovider: awskms://alias/production\nencryptedkey: abc\nconfig:\n  a:b: c\nencryptionsalt: v1:real\n"
    )
    world = World.named("test")
    world.begin(account="111122223333", region="us-east-1", source=source)
    return world


def inside(world: World) -> dict[str, str]:
    return {
        VARIABLE: "simulated",
        guard.WORLD_VARIABLE: str(world.folder),
        "PULUMI_BACKEND_URL": guard.backend_url(world.folder),
        "HOME": str(world.folder / "home"),
    }


def test_inside_of_a_rehearsal_nothing_is_refused(world: World) -> None:
    assert list(guard.refusals(inside(world))) == []


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        (VARIABLE, "official", "no rehearsal is under way"),
        (guard.WORLD_VARIABLE, "/", "no rehearsal is under way"),
        ("PULUMI_BACKEND_URL", "s3://production", "only with the rehearsal's own state"),
        ("PULUMI_BACKEND_URL", "", "only with the rehearsal's own state"),
        ("AWS_ACCESS_KEY_ID", "AKIA", "AWS_ACCESS_KEY_ID is set"),
        ("ARM_CLIENT_SECRET", "s", "ARM_CLIENT_SECRET is set"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/f", "GOOGLE_APPLICATION_CREDENTIALS is set"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t", "ACTIONS_ID_TOKEN_REQUEST_TOKEN is set"),
        ("KUBECONFIG", "/f", "KUBECONFIG is set"),
    ],
)
def test_outside_it_refuses(world: World, name: str, value: str, reason: str) -> None:
    assert any(reason in refusal for refusal in guard.refusals({**inside(world), name: value}))


def test_a_home_with_credentials_is_refused(world: World) -> None:
    (world.folder / "home" / ".aws").mkdir()
    (world.folder / "home" / ".aws" / "credentials").write_text("[default]")
    assert any(".aws/credentials could hold credentials" in each for each in guard.refusals(inside(world)))


def test_credentials_are_taken_out_and_the_rest_stays() -> None:
    given = dict.fromkeys([*guard.CREDENTIALS, "AWS_REGION", "AZURE_CONFIG_DIR", "CLOUDSDK_CONFIG"], "x")
    assert guard.without_credentials({**given, "PATH": "/bin", "LANG": "C"}) == {"PATH": "/bin", "LANG": "C"}


def test_the_project_leaves_the_real_secrets_provider_out_and_keeps_its_own_salt(world: World, tmp_path: Path) -> None:
    copy = world.project / "Pulumi.test.yaml"
    assert copy.read_text().strip() == "config:\n  a:b: c"
    copy.write_text(copy.read_text() + "encryptionsalt: v1:rehearsed\n")
    world.begin(account="a", region="r", source=tmp_path / "source")
    assert copy.read_text() == "config:\n  a:b: c\nencryptionsalt: v1:rehearsed\n"
    assert "v1:real" in (tmp_path / "source" / "Pulumi.test.yaml").read_text()


def test_what_providers_go_by_is_written_down_for_them(world: World) -> None:
    written = json.loads((world.folder / guard.MARK).read_text())
    assert written == {"account": "111122223333", "region": "us-east-1", "clusters": "remembered"}


def test_only_what_a_rehearsal_made_is_removed(world: World) -> None:
    world.forget()
    assert not world.folder.exists()
    world.folder.mkdir()
    (world.folder / "precious").write_text("")
    with pytest.raises(RehearsalError, match="was not made by a rehearsal"):
        world.forget()


def test_a_world_is_held_by_one(world: World) -> None:
    with (
        world.held(),
        pytest.raises(RehearsalError, match="another rehearsal is under way"),
        World.named("test").held(),
    ):
        pass


@pytest.mark.parametrize("name", ["", "..", "a/b", "-x"])
def test_names_stay_inside_the_folder(name: str) -> None:
    with pytest.raises(RehearsalError, match="can't name a rehearsal"):
        World.named(name)


def plugin(home: Path, version: str) -> None:
    """A plugin that answers like a real one, with the version that the test wants."""
    folder = home / "plugins" / "resource-aws-v1.0.0"
    folder.mkdir(parents=True)
    script = folder / "pulumi-resource-aws"
    script.write_text(
        "#!/bin/sh\nexec python - <<'END'\n"
        "from toolchain.provider.server import serve\n"
        "from rehearsal.aws import CLOUD\n"
        "from rehearsal.provider import SimulatedCloud\n"
        "plugin = SimulatedCloud(CLOUD)\n"
        f"plugin.version = {version!r}\n"
        "serve(plugin)\nEND\n"
    )
    script.chmod(0o755)


def environment() -> dict[str, str]:
    import os  # noqa: PLC0415
    import sys  # noqa: PLC0415

    root = Path(__file__).parents[2]
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(root)}


def test_plugins_that_say_so_are_let_in(tmp_path: Path) -> None:
    plugin(tmp_path, "7.51.1+simulated")
    assert require_simulators(tmp_path, environment()) == ["aws 7.51.1+simulated"]


@pytest.mark.parametrize("version", ["7.51.1", "", "7.51.1-simulated"])
def test_any_other_plugin_ends_the_rehearsal(tmp_path: Path, version: str) -> None:
    plugin(tmp_path, version)
    with pytest.raises(RehearsalError, match="no simulator"):
        require_simulators(tmp_path, environment())
