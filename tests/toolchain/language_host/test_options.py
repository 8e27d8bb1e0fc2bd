from pathlib import Path

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from toolchain.language_host.environment import PythonMissingError, resolve_environment
from toolchain.language_host.messages import language_pb2
from toolchain.language_host.options import OptionError, RuntimeOptions, Toolchain, parse_options


def info(root: Path, **options: object) -> language_pb2.ProgramInfo:
    struct = Struct()
    json_format.ParseDict(options, struct)
    return language_pb2.ProgramInfo(
        root_directory=str(root), program_directory=str(root / "infra"), entry_point=".", options=struct
    )


def test_without_options_the_python_on_path_runs_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "bin" / "python3"
    script.parent.mkdir()
    script.touch(0o755)
    monkeypatch.setenv("PATH", str(script.parent))
    environment = resolve_environment(parse_options(info(tmp_path)))
    assert environment.toolchain is Toolchain.PIP
    assert environment.python == script


def test_a_virtual_environment_is_relative_to_the_project_and_activated(tmp_path: Path) -> None:
    environment = resolve_environment(parse_options(info(tmp_path, virtualenv=".venv", toolchain="pip")))
    assert environment.python == tmp_path / ".venv" / "bin" / "python"
    variables = environment.variables()
    assert variables["VIRTUAL_ENV"] == str(tmp_path / ".venv")
    assert variables["PATH"].startswith(f"{tmp_path}/.venv/bin:")
    with pytest.raises(PythonMissingError, match=r"\.venv.*pulumi install"):
        environment.require()


@pytest.mark.parametrize(("lock", "toolchain"), [("uv.lock", Toolchain.UV), ("none", Toolchain.PIP)])
def test_a_lock_file_above_the_program_decides(tmp_path: Path, lock: str, toolchain: Toolchain) -> None:
    (tmp_path / lock).touch()
    environment = resolve_environment(parse_options(info(tmp_path, virtualenv="env")))
    assert environment.toolchain is toolchain
    assert environment.virtualenv == tmp_path / "env"


def test_uv_keeps_its_environment_beside_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_PROJECT_ENVIRONMENT", raising=False)
    (tmp_path / "uv.lock").touch()
    environment = resolve_environment(parse_options(info(tmp_path, toolchain="uv")))
    assert environment.virtualenv == tmp_path / ".venv"


def test_plugins_never_run_in_the_python_on_path(tmp_path: Path) -> None:
    assert parse_options(info(tmp_path), is_plugin=True).virtualenv == "venv"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"toolchain": "conda"}, r"toolchain.*'conda'.*pip, uv, poetry"),
        ({"typechecker": "flow"}, r"typechecker.*mypy, pyright"),
        ({"virtualenv": 3}, r"virtualenv.*must be text"),
    ],
)
def test_a_wrong_option_names_the_key_and_what_it_can_be(tmp_path: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        parse_options(info(tmp_path, **options))


def test_pip_makes_the_environment_and_installs_the_requirements(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").touch()
    options = RuntimeOptions(root=tmp_path, program=tmp_path, toolchain=Toolchain.PIP, virtualenv="venv")
    create, install = resolve_environment(options).installation()
    assert create.argv[1:] == ("-m", "venv", str(tmp_path / "venv"))
    assert install.argv[0] == str(tmp_path / "venv" / "bin" / "python")
    assert install.argv[-1] == str(tmp_path / "requirements.txt")


def test_a_missing_installer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    options = RuntimeOptions(root=tmp_path, program=tmp_path, toolchain=Toolchain.UV)
    with pytest.raises(PythonMissingError, match="no uv on PATH"):
        resolve_environment(options).installation()
