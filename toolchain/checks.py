"""`make check`: every check of the sources that runs nothing of ours. All of them run, then all findings are told."""

import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator

from rich.console import Console

from toolchain import builder
from toolchain.locations import clone_dir

_CONSOLE = Console(stderr=True, highlight=False)

_INDEX_HOSTS = (
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "proxy.golang" + ".org",
    "deb.debian" + ".org",
    "npmjs" + ".org",
)
"""Where packages come from is each machine's own business: the tree works behind any mirror."""


def main() -> int:
    """Run all checks and give the exit status."""
    failed = []
    for name, check in _CHECKS.items():
        start = time.monotonic()
        findings = list(check())
        mark = "[red]failed[/]" if findings else "[green]ok[/]"
        _CONSOLE.print(f"{mark} {name} ({time.monotonic() - start:.1f} s)")
        for finding in findings:
            _CONSOLE.print(f"  {finding}", markup=False, soft_wrap=True)
        failed += [name] if findings else []
    return 1 if failed else 0


def _program(*command: str) -> Callable[[], Iterator[str]]:
    def run() -> Iterator[str]:
        done = subprocess.run(command, cwd=clone_dir(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            yield from (done.stdout + done.stderr).strip().splitlines()

    return run


def _venv(name: str) -> str:
    return str(clone_dir() / ".venv" / "bin" / name)


def _actionlint() -> Iterator[str]:
    yield from _program(str(builder.ensure("actionlint") / "actionlint"), "-no-color")()


def _tracked_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=clone_dir(), capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name]


def _no_index_hosts() -> Iterator[str]:
    for name in _tracked_files():
        try:
            text = (clone_dir() / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        for host in _INDEX_HOSTS:
            if host in text:
                yield f"{name}: names the package index {host}: run `make lock`, or leave the host out"


def _lock_is_current() -> Iterator[str]:
    """Compare the requirements that uv.lock was made from with pyproject.toml; uv's own check needs an index."""
    project = tomllib.loads((clone_dir() / "pyproject.toml").read_text(encoding="utf-8"))
    lock = tomllib.loads((clone_dir() / "uv.lock").read_text(encoding="utf-8"))
    ours = next(package for package in lock["package"] if package["name"] == project["project"]["name"])
    groups = project["dependency-groups"]

    def flat(group: str) -> Iterator[str]:
        for entry in groups[group]:
            if isinstance(entry, dict):
                yield from flat(entry["include-group"])
            else:
                yield entry

    wanted = {"": project["project"]["dependencies"], **{group: flat(group) for group in groups}}
    locked = {"": ours["metadata"]["requires-dist"], **ours["metadata"]["requires-dev"]}
    for group, requirements in wanted.items():
        asked = {_requirement(text) for text in requirements}
        pinned = {(entry["name"], _ordered(entry.get("specifier", ""))) for entry in locked.get(group, ())}
        for name, specifier in sorted(asked ^ pinned):
            where = group or "dependencies"
            yield f"uv.lock: {where}: {name}{specifier} is not what pyproject.toml asks: run `make lock`"


def _requirement(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"([A-Za-z0-9._-]+)(\[[^]]*\])?\s*(.*)", text)
    if match is None:
        raise ValueError(text)
    return re.sub(r"[-_.]+", "-", match[1]).lower(), _ordered(match[3])


def _ordered(specifier: str) -> str:
    return ",".join(sorted(specifier.replace(" ", "").split(",")))


_CHECKS: dict[str, Callable[[], Iterator[str]]] = {
    "format": _program(_venv("ruff"), "format", "--check", "--quiet", "."),
    "lint": _program(_venv("ruff"), "check", "--output-format", "concise", "--quiet", "."),
    "types": _program(_venv("ty"), "check", "--output-format", "concise", "--no-progress"),
    "workflows": _actionlint,
    "workflow security": _program(_venv("zizmor"), "--offline", "--quiet", "--pedantic", ".github"),
    "stack files": _program(_venv("fleet"), "config", "check"),
    "schemas": _program(_venv("fleet"), "config", "schema", "--check"),
    "no index host": _no_index_hosts,
    "lock file": _lock_is_current,
}

if __name__ == "__main__":
    sys.exit(main())
