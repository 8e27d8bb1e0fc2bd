"""A rehearsal's project: this clone seen through links, and copies of what a rehearsal may change."""

from pathlib import Path

import pytest

from rehearsal.world import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path / "state"))
    return World.named("test")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    for folder in ("infra", "tenants", "example/tenants"):
        (source / folder).mkdir(parents=True)
    for name, text in {
        "Pulumi.yaml": "name: p\nmain: infra/\n",
        "Pulumi.s.yaml": "secretsprovider: awskms://alias/x\nconfig:\n  modelfleet:cloud: aws\n",
        "infra/__main__.py": "",
        "tenants/acme.yaml": "name: acme\n",
        "example/Pulumi.e.yaml": "config: {}\n",
        "example/tenants/globex.yaml": "name: globex\n",
    }.items():
        (source / name).write_text(text)
    return source


def test_the_program_lies_in_the_world_and_so_do_the_files_beside_it(world: World, source: Path) -> None:
    world.begin(account="a", region="r", source=source)
    program = world.project / "infra" / "__main__.py"
    assert program.is_file()
    assert program.parent.resolve() == program.parent, "no link leads out of the world"
    assert world.stack_file("s").read_text() == "config:\n  modelfleet:cloud: aws\n"


def test_what_changes_in_a_world_changes_nowhere_else(world: World, source: Path) -> None:
    world.begin(account="a", region="r", source=source)
    world.tenants.file_of("acme").write_text("changed")
    world.tenants.file_of("new").write_text("new")
    world.stack_file("s").write_text("changed")
    assert (source / "tenants" / "acme.yaml").read_text() == "name: acme\n"
    assert not (source / "tenants" / "new.yaml").exists()
    assert "awskms" in (source / "Pulumi.s.yaml").read_text()
    world.begin(account="a", region="r", source=source)
    assert world.tenants.file_of("acme").read_text() == "name: acme\n"
    assert not world.tenants.file_of("new").exists()


def test_an_examples_files_take_the_place_of_the_projects(world: World, source: Path) -> None:
    world.begin(account="a", region="r", source=source, files=source / "example")
    assert sorted(file.name for file in world.project.glob("Pulumi.*.yaml")) == ["Pulumi.e.yaml"]
    assert [file.name for file in (world.project / "tenants").iterdir()] == ["globex.yaml"]
    assert (world.project / "Pulumi.yaml").is_symlink()


def test_whoever_goes_on_finds_what_an_earlier_rehearsal_has_changed(world: World, source: Path) -> None:
    world.begin(account="a", region="r", source=source)
    world.tenants.file_of("new").write_text("name: new\n")
    world.tenants.file_of("acme").unlink()
    world.stack_file("s").write_text("config:\n  modelfleet:cloud: aws\n  modelfleet:deleteData: true\n")
    assert world.begin(account="a", region="r", source=source, goes_on=True) == []
    assert world.tenants.file_of("new").read_text() == "name: new\n"
    assert not world.tenants.file_of("acme").exists()
    assert "deleteData: true" in world.stack_file("s").read_text()


def test_whoever_goes_on_finds_what_has_changed_in_the_project(world: World, source: Path) -> None:
    world.begin(account="a", region="r", source=source)
    world.tenants.file_of("acme").write_text("name: acme\nplan: scale\n")
    (source / "Pulumi.s.yaml").write_text("config:\n  modelfleet:cloud: gcp\n")
    (source / "tenants" / "acme.yaml").write_text("name: acme\nplan: standard\n")
    given_up = world.begin(account="a", region="r", source=source, goes_on=True)
    assert given_up == ["tenants/acme.yaml"], "the stack's file was changed in one place only"
    assert world.stack_file("s").read_text() == "config:\n  modelfleet:cloud: gcp\n"
    assert "standard" in world.tenants.file_of("acme").read_text()


@pytest.mark.parametrize("goes_on", [False, True])
def test_the_engines_salt_stays_whatever_becomes_of_the_rest(world: World, source: Path, *, goes_on: bool) -> None:
    world.begin(account="a", region="r", source=source)
    written = world.stack_file("s").read_text()
    # As the engine writes it: the salt first, and its own way of indenting.
    world.stack_file("s").write_text("encryptionsalt: v1:abc=:v1:def\nconfig:\n    modelfleet:cloud: aws\n")
    assert world.take_files(source, goes_on=goes_on) == []
    assert world.stack_file("s").read_text() == f"{written}encryptionsalt: v1:abc=:v1:def\n"
    (source / "Pulumi.s.yaml").write_text("config:\n  modelfleet:cloud: gcp\n")
    assert world.take_files(source, goes_on=goes_on) == []
    assert world.stack_file("s").read_text().endswith("gcp\nencryptionsalt: v1:abc=:v1:def\n")
