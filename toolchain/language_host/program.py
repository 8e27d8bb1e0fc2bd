"""How the engine's request to run a program becomes a command."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from toolchain.language_host.environment import PythonEnvironment, PythonMissingError
from toolchain.language_host.messages import language_pb2

SHOWN_TO_USER_EXIT: Final = 32
"""The status with which the executor ends when it has told the user what went wrong: there is no more to say."""
_EXECUTOR: Final = "pulumi-language-python-exec"
_LAUNCHER: Final = Path(__file__).with_name("launch.py")


def find_executor() -> Path:
    """Return the SDK's script that runs a program; it is installed beside the `pulumi` that was built.

    Raises:
        PythonMissingError: it isn't on PATH, nor beside the engine that started this host.
    """
    found = shutil.which(_EXECUTOR)
    if found is not None:
        return Path(found)
    beside = Path(f"/proc/{os.getppid()}/exe").resolve().with_name(_EXECUTOR)
    if beside.is_file():
        return beside
    raise PythonMissingError(f'{_EXECUTOR} isn\'t on PATH; `eval "$(fleet env)"` sets it up')


def program_command(request: language_pb2.RunRequest, environment: PythonEnvironment, *, engine: str) -> list[str]:
    """Return the command that runs a program, unbuffered so that what it prints shows at once.

    Raises:
        PythonMissingError: the interpreter or the executor is missing.
    """
    command = [str(environment.python), "-u", str(_LAUNCHER), str(find_executor())]
    named = {
        "monitor": request.monitor_address,
        "engine": engine,
        "project": request.project,
        "root_directory": request.info.root_directory,
        "stack": request.stack,
        "pwd": request.pwd,
        "dry_run": "true" if request.dryRun else "false",
        "parallel": str(request.parallel),
        "organization": request.organization,
    }
    for name, value in named.items():
        command += [f"--{name}", value] if value else []
    # Relative to the program's folder, in which the command runs; a program argument that looks like an
    # option must not be taken for one of the executor's.
    return [*command, "--", request.info.entry_point or ".", *request.args]


def program_variables(request: language_pb2.RunRequest, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a program: the host's, and the stack's configuration as the SDK reads it."""
    return {
        **inherited,
        "PULUMI_CONFIG": json.dumps(dict(request.config)),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
    }


def typechecker_command(environment: PythonEnvironment) -> list[str]:
    """Return the command that checks a program's types."""
    options = environment.options
    command = [str(environment.python), "-m", str(options.typechecker)]
    if options.typechecker == "mypy" and environment.virtualenv is not None:
        command += ["--exclude", environment.virtualenv.name]
    return [*command, str(options.program)]


def plugin_command(request: language_pb2.RunPluginRequest, environment: PythonEnvironment) -> tuple[list[str], Path]:
    """Return the command that runs a policy pack or a plugin written in Python, and its working directory.

    Raises:
        PythonMissingError: the interpreter is missing, or the folder holds nothing that can be run.
    """
    folder = Path(request.info.program_directory)
    python = [str(environment.python), "-u"]
    if request.kind == "analyzer":
        # A pack takes its folder as the last argument and as its working directory.
        return [*python, "-m", "pulumi.policy", *request.args, str(folder)], folder
    if (Path(request.info.root_directory) / "__main__.py").is_file():
        return [*python, str(folder), *request.args], Path(request.pwd)
    package = _distribution_name(Path(request.info.root_directory))
    return [*python, "-m", "pulumi.run.plugin", package, *request.args], Path(request.pwd)


def _distribution_name(root: Path) -> str:
    import tomllib  # noqa: PLC0415 - only plugins that are packages need it

    try:
        return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    except (OSError, ValueError, KeyError):
        raise PythonMissingError(
            f"{root} can't be run: it has neither a __main__.py nor a pyproject.toml with a project name"
        ) from None
