"""The host at work: the real Pulumi engine runs programs, policy packs and installers through it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from toolchain import plugin_flavours
from toolchain.errors import FlavourMismatchError
from toolchain.flavour import Flavour
from toolchain.locations import clone_dir
from toolchain.plugin_flavours import check_flavour, record_flavour
from toolchain.pulumi_home import pulumi_environment

pytestmark = pytest.mark.cluster  # the engine is one of the built tools
DEADLINE_S = 60


class Project:
    """A Pulumi project with one stack, `dev`, in a backend of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self.configure(virtualenv=sys.prefix, toolchain="pip")
        self.program("")
        self.run("stack", "init", "dev")

    def configure(self, **options: str) -> None:
        runtime = {"name": "python", "options": options}
        (self.folder / "Pulumi.yaml").write_text(json.dumps({"name": "prog", "runtime": runtime}))

    def program(self, text: str) -> None:
        (self.folder / "__main__.py").write_text(text)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        printed, status = self._finish(arguments)
        assert status == 0, printed
        return printed

    def fail(self, *arguments: str) -> str:
        printed, status = self._finish(arguments)
        assert status > 0, printed
        return printed

    def _finish(self, arguments: tuple[str, ...]) -> tuple[str, int]:
        with self.start(*arguments) as process:
            printed, _ = process.communicate(timeout=DEADLINE_S)
        return printed, process.returncode

    def outputs(self) -> dict[str, object]:
        return json.loads(self.run("stack", "output", "--json", "--show-secrets"))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELFLEET_STATE", str(tmp_path_factory.mktemp("state")))
        for name in [name for name in os.environ if name.startswith("PULUMI_")]:
            patch.delenv(name)
        yield {**os.environ, **pulumi_environment(Flavour.BUILT)}


@pytest.fixture
def project(tmp_path: Path, environment: dict[str, str]) -> Project:
    backend = tmp_path / "backend"
    folder = tmp_path / "prog"
    backend.mkdir()
    folder.mkdir()
    return Project(folder, {**environment, "PULUMI_BACKEND_URL": f"file://{backend}"})


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_program_gets_its_configuration_and_its_prints_are_shown(project: Project) -> None:
    project.run("config", "set", "--secret", "password", "hunter2")
    project.run("config", "set", "--path", "nested.list[0]", "first")
    project.program(
        "import os, sys, pulumi\n"
        "config = pulumi.Config()\n"
        "print('to stdout', pulumi.get_stack())\n"
        "print('to stderr', file=sys.stderr)\n"
        "pulumi.export('password', config.require_secret('password'))\n"
        "pulumi.export('nested', config.require_object('nested'))\n"
        "pulumi.export('kept', pulumi.runtime.is_config_secret('prog:password'))\n"
        "pulumi.export('folder', os.getcwd())\n"
        "pulumi.export('flavour', os.environ['MODELFLEET_FLAVOUR'])\n"
    )
    preview = project.run("preview")
    assert "to stdout dev" in preview
    assert "to stderr" in preview
    up = project.run("up", "--yes", "--skip-preview")
    assert "hunter2" not in up
    assert "from $PATH" not in up
    assert project.outputs() == {
        "password": "hunter2",
        "nested": {"list": ["first"]},
        "kept": True,
        "folder": str(project.folder),
        "flavour": "built",
    }


def test_debug_messages_of_the_program_are_shown_and_those_of_its_sdk_when_asked_for(project: Project) -> None:
    project.program(
        "import pulumi\n"
        "class Part(pulumi.ComponentResource):\n"
        "    pass\n"
        "Part('mine:Part', 'one')\n"
        "pulumi.log.debug('from the program')\n"
        "pulumi.debug('by its other name')\n"
    )
    shown = project.run("preview", "--debug")
    assert "from the program" in shown
    assert "by its other name" in shown
    assert "ty=mine:Part" not in shown
    project.environment["MODELFLEET_SDK_DEBUG"] = "1"
    assert "ty=mine:Part" in project.run("preview", "--debug")


def test_a_print_is_shown_while_the_program_still_runs(project: Project) -> None:
    gate = project.folder / "gate"
    os.mkfifo(gate)
    project.program(f"print('waiting now')\nopen({str(gate)!r}).read()\n")
    with project.start("preview") as process:
        assert process.stdout is not None
        assert any("waiting now" in line for line in iter(process.stdout.readline, ""))
        gate.write_text("go on")
        process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0


def test_an_exception_is_told_once_with_the_users_own_lines(project: Project) -> None:
    project.program("def build():\n    raise ValueError('no such zone')\n\nbuild()\n")
    printed = project.fail("preview")
    # In the live rows and again under Diagnostics; the host adds nothing to it.
    diagnostics = printed.partition("Diagnostics:")[2]
    assert diagnostics.count("ValueError: no such zone") == 1
    assert "exited with non-zero" not in printed
    assert "language_host" not in printed


def test_another_exit_status_is_named(project: Project) -> None:
    project.program("import sys\nsys.exit(7)\n")
    assert "program exited with non-zero exit code: 7" in project.fail("preview")


def test_a_missing_program_is_named(project: Project) -> None:
    (project.folder / "__main__.py").unlink()
    assert "unable to find main python program `__main__.py`" in project.fail("preview")


SLEEPER = """
import os, pathlib, time, pulumi
def store(pid):
    new = pathlib.Path("{pid}.new")
    new.write_text(str(pid))
    new.rename("{pid}")
try:
    store(os.getpid())
    time.sleep(600)
finally:
    pathlib.Path("{pid}.cleaned").touch()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_program_without_a_traceback(project: Project, number: signal.Signals) -> None:
    pid = project.folder / "pid"
    project.program(SLEEPER.replace("{pid}", str(pid)))
    with project.start("preview") as process:
        until(pid.exists)
        program = int(pid.read_text())
        process.send_signal(number)
        printed, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode != 0
    assert "Traceback" not in printed
    until(lambda: not is_running(program))
    assert number == signal.SIGTERM or Path(f"{pid}.cleaned").exists()


def test_a_killed_engine_leaves_neither_host_nor_program(project: Project) -> None:
    pid = project.folder / "pid"
    project.program(SLEEPER.replace("{pid}", str(pid)))
    with project.start("preview") as process:
        until(pid.exists)
        program = int(pid.read_text())
        host = int(Path(f"/proc/{program}/stat").read_text().rpartition(")")[2].split()[1])
        process.kill()
    until(lambda: not is_running(program) and not is_running(host))


POLICY = """
import pulumi
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy
print("pack looks at", pulumi.get_stack())
def check(args, report):
    if args.props.get("input") == pulumi.Config("prog").get("forbidden"):
        report(f"{pulumi.get_project()} forbids it")
PolicyPack(name="pack", enforcement_level=EnforcementLevel.MANDATORY, policies=[
    ResourceValidationPolicy(name="nothing-forbidden", description="d", validate=check)])
"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    folder.mkdir()
    runtime = {"name": "python", "options": {"virtualenv": sys.prefix, "toolchain": "pip"}}
    (folder / "PulumiPolicy.yaml").write_text(json.dumps({"runtime": runtime}))
    (folder / "__main__.py").write_text(POLICY)
    return folder


def test_a_policy_pack_sees_the_stack_and_stops_a_preview(project: Project, pack: Path) -> None:
    pytest.importorskip("pulumi_policy")
    project.run("config", "set", "forbidden", "bad")
    project.program("import pulumi\npulumi.Stash('s', input='bad')\n")
    refused = project.fail("preview", "--policy-pack", str(pack))
    assert "prog forbids it" in refused
    assert "pack looks at dev" in refused
    assert "error: preview failed" in refused
    project.program("import pulumi\npulumi.Stash('s', input='good')\n")
    project.run("preview", "--policy-pack", str(pack))


def test_a_broken_policy_pack_stops_the_preview_with_its_error(project: Project, pack: Path) -> None:
    (pack / "__main__.py").write_text("raise ValueError('broken pack')\n")
    printed = project.fail("preview", "--policy-pack", str(pack))
    assert "ValueError: broken pack" in printed
    assert "ended with status 1" in printed


def test_about_describes_the_python_and_its_packages(project: Project) -> None:
    about = json.loads(project.run("about", "--json", "--transitive"))
    assert about["runtime"]["executable"] == f"{sys.prefix}/bin/python"
    assert about["runtime"]["toolchain"] == "Pip"
    assert "grpcio" in {dependency["name"] for dependency in about["dependencies"]}
    assert {"kubernetes"} <= {plugin["name"] for plugin in about["plugins"]}


@pytest.mark.slow
def test_install_makes_the_environment_and_streams_what_pip_says(project: Project) -> None:
    package = project.folder / "tiny"
    package.mkdir()
    (package / "pyproject.toml").write_text(
        '[project]\nname = "tiny"\nversion = "1.0"\n[build-system]\nrequires = []\n'
        'build-backend = "backend"\nbackend-path = ["."]\n'
    )
    (package / "backend.py").write_text(
        "import zipfile\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        "    name = 'tiny-1.0-py3-none-any.whl'\n"
        "    with zipfile.ZipFile(f'{folder}/{name}', 'w') as wheel:\n"
        "        wheel.writestr('tiny.py', 'ANSWER = 42\\n')\n"
        "        metadata = 'Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n'\n"
        "        wheel.writestr('tiny-1.0.dist-info/METADATA', metadata)\n"
        "        wheel.writestr('tiny-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nTag: py3-none-any\\n')\n"
        "        wheel.writestr('tiny-1.0.dist-info/RECORD', '')\n"
        "    return name\n"
    )
    (project.folder / "requirements.txt").write_text("./tiny\n")
    project.configure(virtualenv="env", toolchain="pip")
    printed = project.run("install")
    assert "Successfully installed tiny-1.0" in printed
    assert "Finished installing dependencies" in printed
    python = project.folder / "env" / "bin" / "python"
    answer = subprocess.run([python, "-c", "import tiny; print(tiny.ANSWER)"], capture_output=True, check=True)
    assert answer.stdout == b"42\n"


def test_a_missing_environment_and_a_wrong_option_say_what_to_do(project: Project) -> None:
    project.configure(virtualenv="nowhere", toolchain="pip")
    assert "run `pulumi install`" in project.fail("preview")
    project.configure(toolchain="conda")
    assert "it can be pip, uv, poetry" in project.fail("preview")


def test_a_plugin_that_nobody_has_is_no_obstacle_until_it_is_used(project: Project, tmp_path: Path) -> None:
    """An SDK of another cloud may be installed: only what a program uses must be there."""
    home = tmp_path / "home"
    own = Path(project.environment["PULUMI_HOME"]) / "plugins"
    for host in own.glob("language-python-*/pulumi-language-python"):
        shutil.copytree(host.parent, home / "plugins" / host.parent.name)
    project.environment = {**project.environment, "PULUMI_HOME": str(home)}
    project.program("import pulumi\npulumi.export('fine', True)\n")
    project.run("stack", "select", "dev")
    project.run("up", "--yes", "--skip-preview")
    assert project.outputs() == {"fine": True}


def test_the_flavour_of_a_stack_is_recorded_in_its_backend_and_another_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = project.environment["PULUMI_BACKEND_URL"]
    monkeypatch.setattr(plugin_flavours, "clone_dir", lambda: project.folder)
    monkeypatch.setattr(plugin_flavours, "pulumi_environment", lambda _flavour: project.environment)
    check_flavour(backend, "dev", Flavour.SIMULATED)
    record_flavour(backend, "dev", Flavour.BUILT)
    check_flavour(backend, "dev", Flavour.BUILT)
    with pytest.raises(FlavourMismatchError, match=r"stack dev was made with modelfleet's own plugins"):
        check_flavour(backend, "dev", Flavour.OFFICIAL)
    assert "modelfleet:plugins" in project.run("stack", "tag", "ls")


def test_a_program_under_the_plain_cli_keeps_its_stack_with_its_flavour(project: Project) -> None:
    project.program(
        f"import sys\nsys.path.insert(0, {str(clone_dir())!r})\n"
        "import pulumi\nfrom toolchain.flavour import guard_program\n"
        "guard_program(pulumi.get_stack(), dry_run=pulumi.runtime.is_dry_run())\n"
        "pulumi.export('made', True)\n"
    )
    project.run("preview")
    assert "modelfleet:plugins" not in project.run("stack", "tag", "ls")
    project.run("up", "--yes", "--skip-preview")
    assert "modelfleet:plugins" in project.run("stack", "tag", "ls")
    project.run("preview")
    project.environment["MODELFLEET_FLAVOUR"] = "simulated"
    assert "stack dev was made with modelfleet's own plugins" in project.fail("preview")
    project.environment["MODELFLEET_FLAVOUR_CHECKED"] = "dev"
    project.run("preview")
