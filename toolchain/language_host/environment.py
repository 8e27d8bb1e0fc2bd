"""The Python that runs a program: which one it is, how it is started, and what makes it."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from toolchain.language_host.options import RuntimeOptions, Toolchain


class PythonMissingError(Exception):
    """The Python that the options name isn't there, or can't be made."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of an installation, and where it runs."""

    argv: tuple[str, ...]
    folder: Path
    variables: dict[str, str]


@dataclass(frozen=True, slots=True)
class PythonEnvironment:
    """One project's Python.

    Attributes:
        options: what Pulumi.yaml says.
        toolchain: what installs packages, decided.
        virtualenv: the environment's folder, or None for the Python on PATH.
    """

    options: RuntimeOptions
    toolchain: Toolchain
    virtualenv: Path | None

    @property
    def python(self) -> Path:
        """The interpreter.

        Raises:
            PythonMissingError: there is none on PATH.
        """
        if self.virtualenv is not None:
            return self.virtualenv / "bin" / "python"
        # PULUMI_PYTHON_CMD is the official host's way to name another interpreter.
        named = os.environ.get("PULUMI_PYTHON_CMD")
        for candidate in [named] if named else ["python3", "python"]:
            if found := shutil.which(candidate):
                return Path(found)
        raise PythonMissingError(f"no {named or 'python3'} on PATH; install Python 3.11 or later")

    @property
    def exists(self) -> bool:
        """Whether the interpreter is there."""
        return self.virtualenv is None or self.python.is_file()

    @property
    def is_ours(self) -> bool:
        """Whether the program runs in the very environment that this host runs in."""
        return self.virtualenv is not None and self.virtualenv.resolve() == Path(sys.prefix).resolve()

    def variables(self) -> dict[str, str]:
        """Return the environment variables of a program, with the virtual environment activated."""
        variables = dict(os.environ)
        if self.virtualenv is not None:
            variables.pop("PYTHONHOME", None)
            variables["VIRTUAL_ENV"] = str(self.virtualenv)
            variables["PATH"] = os.pathsep.join(
                (
                    str(self.virtualenv / "bin"),
                    variables.get("PATH", os.defpath),
                )
            )
        return variables

    def require(self) -> None:
        """Check that the interpreter is there.

        Raises:
            PythonMissingError: it isn't.
        """
        if not self.exists:
            raise PythonMissingError(
                f"the virtual environment {self.virtualenv} that Pulumi.yaml names has no bin/python; "
                "run `pulumi install` to make it"
            )

    def installation(self) -> list[Step]:
        """Return the commands that make the environment and install the program's packages.

        Raises:
            PythonMissingError: the tool that installs isn't on PATH, or there is nothing to install from.
        """
        if self.toolchain is Toolchain.UV:
            return [self._step("uv", "sync", "--project", str(_above(self.options.program, "pyproject.toml")))]
        if self.toolchain is Toolchain.POETRY:
            return [self._step("poetry", "install", "--no-ansi", "--no-root")]
        steps: list[Step] = []
        if self.virtualenv is not None and not self.exists:
            creator = str(PythonEnvironment(self.options, Toolchain.PIP, None).python)
            steps.append(self._step(creator, "-m", "venv", str(self.virtualenv), activated=False))
        requirements = self.options.program / "requirements.txt"
        if not requirements.is_file():
            requirements = self.options.root / "requirements.txt"
        if requirements.is_file():
            steps.append(
                self._step(
                    str(self.python),
                    "-m",
                    "pip",
                    "install",
                    "--disable-pip-version-check",
                    "-r",
                    str(requirements),
                )
            )
        return steps

    def _step(self, *argv: str, activated: bool = True) -> Step:
        if shutil.which(argv[0]) is None and not (activated and argv[0] == str(self.python)):
            raise PythonMissingError(
                f"runtime.options.toolchain is {self.toolchain}, but there is no {argv[0]} on PATH; "
                "install it, or use pip"
            )
        variables = self.variables() if activated else dict(os.environ)
        if self.toolchain is Toolchain.UV and self.virtualenv is not None:
            variables["UV_PROJECT_ENVIRONMENT"] = str(self.virtualenv)
        return Step(argv, self.options.program, variables)


def resolve_environment(options: RuntimeOptions) -> PythonEnvironment:
    """Decide which Python a project runs in.

    Raises:
        PythonMissingError: Poetry manages the environment, and Poetry isn't on PATH.
    """
    toolchain = options.toolchain
    if toolchain is Toolchain.AUTO:
        toolchain = _detected(options.program)
    virtualenv = None if options.virtualenv is None else options.root / Path(options.virtualenv).expanduser()
    if virtualenv is None and toolchain is Toolchain.UV:
        named = os.environ.get("UV_PROJECT_ENVIRONMENT", ".venv")
        virtualenv = _above(options.program, "uv.lock", "pyproject.toml") / named
    if virtualenv is None and toolchain is Toolchain.POETRY:
        virtualenv = _poetry_environment(options.program)
    return PythonEnvironment(options, toolchain, virtualenv)


def _detected(program: Path) -> Toolchain:
    for folder in (program, *program.parents):
        if (folder / "uv.lock").is_file():
            return Toolchain.UV
        if (folder / "poetry.lock").is_file():
            return Toolchain.POETRY
    return Toolchain.PIP


def _above(start: Path, *names: str) -> Path:
    """Return the nearest folder, going up, with a file of one of these names; ``start`` where there is none."""
    for name in names:
        for folder in (start, *start.parents):
            if (folder / name).is_file():
                return folder
    return start


def _poetry_environment(program: Path) -> Path:
    import subprocess  # noqa: PLC0415 - only Poetry needs it, and start-up time is every preview's

    try:
        done = subprocess.run(
            ["poetry", "env", "info", "--path"],
            cwd=program,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise PythonMissingError(
            "the project uses Poetry, but there is no poetry on PATH; install it, or use pip or uv"
        ) from None
    # Without an environment yet Poetry prints nothing; `pulumi install` makes it where Poetry wants it.
    return Path(done.stdout.strip()) if done.stdout.strip() else program / ".venv"
