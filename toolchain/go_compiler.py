"""The Go compiler of this machine: found, asked for its version, run in one environment, its failures explained."""

import os
import platform
import re
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolchain.errors import (
    BuildError,
    ChecksumError,
    DiskFullError,
    GoMissingError,
    GoTooOldError,
    ModuleRefusedError,
    ToolchainError,
)
from toolchain.locations import cache_dir

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# Where Go is installed without being put on PATH: the upstream archive, and Debian's versioned packages.
_USUAL_PLACES = ("/usr/local/go/bin", "/usr/lib/go-*/bin")
_KEPT_LINES = 40
_ATTEMPTS = 3
_PAUSE_S = 2.0

_UNREACHABLE = re.compile(
    r"(dial tcp|no such host|connection refused|connection reset|i/o timeout|TLS handshake timeout"
    r"|unexpected EOF|proxyconnect|\b5\d\d [A-Z]|module lookup disabled)"
)
# What the Go command prints -> the error it means, the problem, and the way out. The first that fits wins.
_EXPLANATIONS: tuple[tuple[re.Pattern[str], type[ToolchainError], str, str], ...] = (
    (
        re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE),
        DiskFullError,
        "the disk is full",
        (
            "Make room under {cache} (or set MODELFLEET_CACHE to a folder on another disk) and run the same "
            "command again; it goes on where it stopped."
        ),
    ),
    (
        re.compile(r"checksum mismatch|SECURITY ERROR|missing go\.sum entry|invalid checksum"),
        ChecksumError,
        "a module isn't the one that go.sum pins, so nothing was built",
        (
            "If a download was damaged, delete {cache}/go-mod and run again; if it happens again, the module "
            "proxy hands out something else: don't use it."
        ),
    ),
    (
        re.compile(r"requires go >= "),
        GoTooOldError,
        "the Go compiler is too old",
        "Install the version that is asked for, or a later one, and put it first on PATH.",
    ),
    (
        re.compile(r"\b(403 Forbidden|404 Not Found|410 Gone|unrecognized import path)"),
        ModuleRefusedError,
        "the Go module proxy refuses a module",
        "Ask whoever runs the proxy to allow it, or set GOPROXY to one that has it.",
    ),
    (
        _UNREACHABLE,
        ModuleRefusedError,
        "the Go module proxy can't be reached",
        "Check the network, and GOPROXY and HTTPS_PROXY where a proxy is needed; then run again.",
    ),
    (
        re.compile(r"signal: killed"),
        BuildError,
        "the compiler was killed, most likely for memory (2 GB are needed)",
        "Free some memory and run again; it goes on where it stopped.",
    ),
)

LineSink = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Go:
    """A Go compiler: where it is and its version, such as ``1.26.8``."""

    path: Path
    version: str

    def environment(self, *, scratch: Path | None = None) -> dict[str, str]:
        """Return the environment in which every build runs, whatever the user's own Go settings are.

        A proxy (GOPROXY, HTTPS_PROXY …) of the user's is kept: closed networks need it, and go.sum decides
        whether what it hands out is right.

        Args:
            scratch: where Go keeps its temporary files, so that they vanish with a half-done build.
        """
        env = {k: v for k, v in os.environ.items() if k not in {"GOWORK", "GOROOT", "GOBIN", "GOTMPDIR"}}
        env |= {
            "CGO_ENABLED": "0",
            "GO111MODULE": "on",
            "GOAMD64": "v1",
            "GOARCH": target_architecture(),
            "GOCACHE": str(cache_dir() / "go-build"),
            "GOEXPERIMENT": "",
            # -modcacherw: without it the module cache is read-only and can't be deleted with rm.
            "GOFLAGS": "-mod=readonly -buildvcs=false -modcacherw",
            "GOMODCACHE": str(cache_dir() / "go-mod"),
            "GOOS": "linux",
            # A closed network can't fetch another compiler: say what is missing instead of trying.
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        }
        if scratch is not None:
            env["GOTMPDIR"] = str(scratch)
        return env

    def require(self, minimum: str, *, of: str) -> None:
        """Check that this compiler is new enough.

        Args:
            minimum: the lowest version that will do, such as ``1.25.11``.
            of: what asks for it.

        Raises:
            GoTooOldError: it isn't.
        """
        if _numbers(self.version) < _numbers(minimum):
            message = (
                f"{self.path} is Go {self.version}, but {of} needs Go {minimum} or later. "
                "Install a newer one and put it first on PATH."
            )
            raise GoTooOldError(message)

    def download(self, module_dir: Path, packages: Sequence[str], on_line: LineSink) -> int:
        """Download the modules that packages need and return how many packages a build consists of.

        A network that stumbles is asked three times.

        Raises:
            ToolchainError: the subclass that says why it failed.
        """
        command = [str(self.path), "list", "-deps", *packages]
        for attempt in range(1, _ATTEMPTS + 1):
            packages_seen = 0

            def count(_line: str) -> None:
                nonlocal packages_seen
                packages_seen += 1

            status, last = _stream(command, cwd=module_dir, env=self.environment(), on_stdout=count, on_stderr=on_line)
            if status == 0:
                return packages_seen
            error = explain_failure(last, what=f"downloading the modules of {module_dir.name}")
            transient = isinstance(error, ModuleRefusedError) and _UNREACHABLE.search("\n".join(last))
            if not transient or attempt == _ATTEMPTS:
                raise error
            on_line(f"the module proxy stumbled, asking again ({attempt + 1} of {_ATTEMPTS})")
            time.sleep(_PAUSE_S * attempt)
        raise AssertionError

    def build(
        self,
        module_dir: Path,
        packages: Sequence[str],
        *,
        output: Path,
        tags: Sequence[str],
        ldflags: Sequence[str],
        scratch: Path,
        on_line: LineSink,
    ) -> None:
        """Build packages.

        Args:
            module_dir: the folder with go.mod and go.sum.
            packages: Go packages with a ``main``.
            output: the file, or for several packages the folder, to write.
            tags: build tags.
            ldflags: flags for the linker.
            scratch: a folder for Go's temporary files.
            on_line: called with the name of each package when it is compiled.

        Raises:
            ToolchainError: the subclass that says why it failed.
        """
        command = [str(self.path), "build", "-v", "-trimpath", "-ldflags", " ".join(ldflags)]
        command += ["-tags", ",".join(tags)] if tags else []
        command += ["-o", f"{output}/" if len(packages) > 1 else str(output), *packages]
        env = self.environment(scratch=scratch)
        status, last = _stream(command, cwd=module_dir, env=env, on_stdout=on_line, on_stderr=on_line)
        if status:
            raise explain_failure(last, what=f"building {module_dir.name}")

    def module_source(self, module_dir: Path, module: str) -> Path:
        """Return the folder with the source of a module that is already downloaded.

        Raises:
            BuildError: it isn't.
        """
        command = [str(self.path), "list", "-m", "-f", "{{.Dir}}", module]
        done = subprocess.run(
            command, cwd=module_dir, env=self.environment(), capture_output=True, text=True, check=False
        )
        if done.returncode or not done.stdout.strip():
            raise explain_failure(done.stderr.splitlines(), what=f"looking for the source of {module}")
        return Path(done.stdout.strip())


def find_go() -> Go:
    """Return the Go compiler on PATH, or one in a usual place.

    Raises:
        GoMissingError: there is none.
    """
    roots = [sorted(Path("/").glob(place.lstrip("/")), reverse=True) for place in _USUAL_PLACES]
    search = os.pathsep.join((os.environ.get("PATH", ""), *(str(path) for found in roots for path in found)))
    path = shutil.which("go", path=search)
    if path is None:
        message = (
            "Go isn't installed, and the tools are built with it. Install Go 1.25.11 or later "
            "and put its bin folder on PATH."
        )
        raise GoMissingError(message)
    asked = subprocess.run(
        [path, "env", "GOVERSION"],
        env={**os.environ, "GOTOOLCHAIN": "local"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    match = re.match(r"go(\d+(?:\.\d+)*)", asked.stdout.strip())
    if asked.returncode or not match:
        raise GoMissingError(f"{path} doesn't say its version: {(asked.stderr or asked.stdout).strip()}")
    return Go(Path(path), match[1])


def target_architecture() -> str:
    """Return this machine's architecture in Go's words."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def minimum_version(module_dir: Path) -> str:
    """Return the Go version that a folder's go.mod asks for."""
    text = (module_dir / "go.mod").read_text(encoding="utf-8")
    match = re.search(r"^go (\S+)", text, re.MULTILINE)
    return match[1] if match else "1.25"


def explain_failure(lines: Sequence[str], *, what: str) -> ToolchainError:
    """Return the error that fits the last lines which the Go command printed."""
    text = "\n".join(lines)
    tail = "\n".join(f"  {line}" for line in lines[-8:])
    for sign, error, problem, remedy in _EXPLANATIONS:
        if sign.search(text):
            return error(f"{what}: {problem}:\n{tail}\n{remedy.format(cache=cache_dir())}")
    return BuildError(f"{what} failed:\n{tail}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _stream(
    command: list[str], *, cwd: Path, env: dict[str, str], on_stdout: LineSink, on_stderr: LineSink
) -> tuple[int, list[str]]:
    """Run a Go command, hand on its lines as they come, and return its status and last lines of stderr."""
    # A killed parent takes the compiler along (PR_SET_PDEATHSIG): no orphan writes into the next run's folder.
    if setpriv := shutil.which("setpriv"):
        command = [setpriv, "--pdeathsig", "TERM", *command]
    last: deque[str] = deque(maxlen=_KEPT_LINES)
    # One pipe read to its end at a time needs no thread: the command that lists prints packages to stdout
    # after all downloads, so both go to one pipe and are told apart by what they look like.
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        bufsize=1,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            for raw in process.stdout:
                line = raw.rstrip()
                if line.startswith("go: ") or " " in line:
                    last.append(line)
                    on_stderr(line)
                elif line:
                    on_stdout(line)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        return process.wait(), list(last)
