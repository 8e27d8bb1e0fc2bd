"""Runs this repository's workflows on this machine with `act`, jobs as processes of the host, no container.

What is not GitHub's: the runner itself, approvals, concurrency groups, the identity for clouds. Third-party actions are
replaced by composite ones of the same inputs: checking out and installing have nothing to do here, artifacts go through
a folder. Our own set-up action is replaced too, since the environment that runs the tests is the set-up, and `gh` by a
script that makes the call which `gh pr create` makes. All else, each `run:` step above all, is the workflow's.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from toolchain import builder
from toolchain.locations import clone_dir

_USES: Final = re.compile(r"uses: ([\w.-]+/[\w./-]+)@([0-9a-f]{40})")
_QUEUE: Final = re.compile(r"^ +queue: .*\n", re.MULTILINE)
"""Younger than act, which has no concurrency groups anyway."""
_LIMIT_S: Final = 1200.0
_NOTHING: Final = "true"
_STEPS: Final = {
    "actions/checkout": 'cp -a "$REPOSITORY/." .',
    "actions/upload-artifact": 'mkdir -p "$ARTIFACTS/$NAME" && cp -r "$FROM/." "$ARTIFACTS/$NAME"',
    "actions/download-artifact": 'mkdir -p "$FROM"; for one in "$ARTIFACTS"/$PATTERN; do cp -r "$one/." "$FROM"; done',
}
_SET_UP: Final = """\
runs:
  using: composite
  steps:
    - run: |
        echo "$PWD/.venv/bin" >> "$GITHUB_PATH"
        echo "$TOOLS" >> "$GITHUB_PATH"
        if test "$GITHUB_JOB" = "${LOST_JOB-}"; then echo "MODELFLEET_RELEASE_DIES_AT=$LOST_AT" >> "$GITHUB_ENV"; fi
        echo "PYTHONPATH=$PWD" >> "$GITHUB_ENV" # or `fleet` would be the one of the environment's own checkout
      shell: bash
"""


_GH: Final = """\
#!/bin/sh -eu
# Stands for GitHub's own `gh`: the two commands that the workflows give it.
case "$1 $2" in
"auth setup-git") ;;
"pr create")
  curl --fail --silent --show-error --header "Authorization: Bearer $GH_TOKEN" \
    --data "$(jq --null-input --arg head "$5" --arg title "$(git log -1 --format=%s)" '{head: $head, title: $title}')" \
    "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/pulls" ;;
*) echo "gh $*: not known here" >&2; exit 1 ;;
esac
"""


@dataclass(frozen=True)
class Ran:
    """What a workflow did.

    Attributes:
        status: act's exit status: 0 if every job passed.
        text: all that was printed.
        jobs: each job's result, by its name.
    """

    status: int
    text: str
    jobs: Mapping[str, str]


@dataclass
class Workplace:
    """A copy of this checkout in which workflows run.

    Attributes:
        folder: where it is; the repository's root for the workflows.
        environment: what every step gets.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    _runs: int = 0

    @classmethod
    def make(cls, folder: Path) -> "Workplace":
        """Copy what git would, the changes that aren't committed too, and commit it there."""
        place = cls(folder / "repository")
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=clone_dir(), check=True, capture_output=True, text=True).stdout.split("\0")
        for name in filter(None, names):
            if (clone_dir() / name).is_file():
                (place.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(clone_dir() / name, place.folder / name)
        (place.folder / ".github" / "actions" / "setup" / "action.yml").write_text(_SET_UP, encoding="utf-8")
        for workflow in (place.folder / ".github" / "workflows").glob("*.yml"):
            text = workflow.read_text(encoding="utf-8")
            workflow.write_text(_QUEUE.sub("", text), encoding="utf-8")
        (place.folder / ".venv").symlink_to(clone_dir() / ".venv")
        place.git("init", "--quiet", "--initial-branch", "main")
        place.commit("as it is")
        place.git("clone", "--quiet", "--bare", str(place.folder), str(folder / "origin.git"))
        place.git("remote", "add", "origin", str(folder / "origin.git"))
        tools = folder / "tools"
        tools.mkdir()
        (tools / "gh").write_text(_GH, encoding="utf-8")
        (tools / "gh").chmod(0o755)
        artifacts = folder / "artifacts"
        artifacts.mkdir()
        place.environment = {
            "REPOSITORY": str(place.folder),
            "ARTIFACTS": str(artifacts),
            "TOOLS": str(tools),
            "XDG_STATE_HOME": str(folder / "state"),
            "MODELFLEET_CACHE": os.environ.get("MODELFLEET_CACHE") or str(Path.home() / ".cache" / "modelfleet"),
            "HOME": str(folder / "home"),
        }
        (folder / "home").mkdir()
        return place

    def git(self, *arguments: str) -> str:
        """Run git there."""
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
        command = ["git", *identity, *arguments]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, message: str) -> str:
        """Commit everything; give the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def fleet(self, *arguments: str) -> str:
        """Run `fleet` as a step would."""
        command = [str(self.folder / ".venv" / "bin" / "fleet"), *arguments]
        environment = {**os.environ, **self.environment, "PYTHONPATH": str(self.folder)}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(
        self,
        workflow: str,
        trigger: str,
        event: Mapping[str, Any] | None = None,
        *,
        inputs: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run a workflow to its end.

        Args:
            workflow: name of its file, without its ending.
            trigger: the event that starts it.
            event: the event's payload.
            inputs: of a dispatched workflow.
            environment: what its steps get besides.
            variables: the repository's.
        """
        payload = self.folder.parent / "event.json"
        # act takes inputs from its own option only where it is given no event.
        payload.write_text(json.dumps({"inputs": dict(inputs or {}), **(event or {})}), encoding="utf-8")
        self._runs += 1
        given = {**self.environment, "GITHUB_RUN_ID": str(self._runs), **(environment or {})}
        command = [
            str(builder.ensure("act") / "act"), trigger, "--workflows", f".github/workflows/{workflow}.yml",
            "--platform", "ubuntu-24.04=-self-hosted", "--eventpath", str(payload), "--json",
            "--defaultbranch", "main", "--secret", "GITHUB_TOKEN=token", "--actor", "tester",
            *(part for name, value in given.items() for part in ("--env", f"{name}={value}")),
            *(part for name, value in (variables or {}).items() for part in ("--var", f"{name}={value}")),
            *(part for stub in self._stubs() for part in ("--local-repository", stub)),
        ]  # fmt: skip
        own = {**os.environ, "XDG_CACHE_HOME": str(self.folder.parent / "act"), "HOME": self.environment["HOME"]}
        done = subprocess.run(
            command, cwd=self.folder, env=own, capture_output=True, text=True, check=False, timeout=_LIMIT_S
        )
        return Ran(done.returncode, done.stdout + done.stderr, _results(done.stdout))

    def _stubs(self) -> Sequence[str]:
        """Make a repository for every action that the workflows take from elsewhere; say which stands for which."""
        files = [*(self.folder / ".github").rglob("*.yml")]
        wanted = {match for file in files for match in _USES.findall(file.read_text(encoding="utf-8"))}
        made = {}
        for action, commit in sorted(wanted):
            owner, name, *below = action.split("/")
            folder = self.folder.parent / "actions" / f"{owner}-{name}"
            home = folder.joinpath(*below)
            home.mkdir(parents=True, exist_ok=True)
            (home / "action.yml").write_text(_stub(f"{owner}/{name}"), encoding="utf-8")
            if not (folder / ".git").exists():
                subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
            made[f"{owner}/{name}@{commit}"] = folder
        return [f"{reference}={folder}" for reference, folder in made.items()]


def _stub(action: str) -> str:
    inputs = {"path": "FROM", "name": "NAME", "pattern": "PATTERN"}
    return yaml.safe_dump(
        {
            "name": f"stands for {action}",
            "inputs": {name: {"default": ""} for name in inputs},
            "runs": {
                "using": "composite",
                "steps": [
                    {
                        "run": _STEPS.get(action, _NOTHING),
                        "shell": "bash",
                        "env": {variable: f"${{{{ inputs.{name} }}}}" for name, variable in inputs.items()},
                    }
                ],
            },
        }
    )


def _results(printed: str) -> dict[str, str]:
    results = {}
    for line in printed.splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and "jobResult" in said:
            results[str(said["job"]).strip()] = str(said["jobResult"])
    return results
