"""Stand-ins of the clouds' command lines, as far as a tunnel needs them: `aws`, its session plugin, and `az`.

`fleet tunnel` runs unchanged: it finds these on PATH, asks them for the machine, and has them forward a port. What they
know is the simulated account: a tunnel opens only through a machine or a Bastion host that the program has made, to a
cluster that exists. Options are read as the real ones read them; those of AWS are checked against the service's own
model (botocore), and `--query` is the same JMESPath.
"""

import hashlib
import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

import botocore.session
import jmespath
from botocore.validate import ParamValidator

from rehearsal import guard
from rehearsal.account import Resource, holdings
from rehearsal.api_server import VERSION_PATH
from rehearsal.clusters.control_plane import ControlPlane
from rehearsal.clusters.managed_cluster import AKS, EKS, find_cluster
from rehearsal.clusters.mode import ClusterMode, mode_of
from rehearsal.forwarding import forward
from toolchain.kubernetes_provider.kubeconfig import KubeconfigError
from toolchain.locations import clone_dir

_PROGRAMS: Final = ("aws", "az", "session-manager-plugin")
_SCRIPT: Final = """\
#!/bin/sh
# Simulated: written by a rehearsal, and of no use outside of it.
exec {python} -I -c {code} {name} "$@"
"""
_CODE: Final = "import sys; sys.path.insert(0, {clone!r}); from rehearsal.tunnel import main; main()"
_GROUP: Final = "aws:autoscaling/group:Group"
_BASTION: Final = "azure-native:network:BastionHost"
_FORWARD: Final = "AWS-StartPortForwardingSessionToRemoteHost"
_OPERATIONS: Final = {
    ("ec2", "describe-instances"): "DescribeInstances",
    ("ssm", "describe-instance-information"): "DescribeInstanceInformation",
    ("ssm", "start-session"): "StartSession",
}


class RefusedError(Exception):
    """A cloud refuses a command; its text is what the cloud says."""


def install(world: Path) -> Path:
    """Write the stand-ins into a rehearsal's folder; give the folder that goes on PATH."""
    folder = world / "bin"
    folder.mkdir(exist_ok=True)
    code = shlex.quote(_CODE.format(clone=str(clone_dir())))
    for name in _PROGRAMS:
        file = folder / name
        file.write_text(_SCRIPT.format(python=shlex.quote(sys.executable), code=code, name=name), encoding="utf-8")
        file.chmod(0o755)
    return folder


def main() -> NoReturn:
    """Be the program that the first argument names."""
    program, *arguments = sys.argv[1:]
    try:
        _run(program, arguments)
    except RefusedError as error:
        print(f"{program} (simulated): {error}", file=sys.stderr)  # noqa: T201 - a program of its own
        sys.exit(254)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


def _run(program: str, arguments: Sequence[str]) -> None:
    if (refusal := guard.refusal()) is not None:
        raise RefusedError(refusal)
    account = _Account(Path(os.environ[guard.WORLD_VARIABLE]) / "account.sqlite")
    match program:
        case "aws":
            _aws(arguments, account)
        case "az":
            _az(arguments, account)
        case _:
            raise RefusedError(f"{program} is started by `aws ssm start-session` only")


class _Account:
    """What the simulated accounts hold."""

    def __init__(self, memory: Path) -> None:
        self._living = [each for _, _, each in holdings(memory) if each.afterlife is None]

    def of_type(self, kind: str) -> list[Resource]:
        return [each for each in self._living if each.type == kind]

    def instances(self, name: str) -> list[str]:
        """Ids of the machines that carry a name: one for each group of one whose tags go to its machines."""
        return [_instance_of(group) for group in self.of_type(_GROUP) if group.inputs.get("name") == name]

    def has_instance(self, instance: str) -> bool:
        return any(_instance_of(group) == instance for group in self.of_type(_GROUP))


def _aws(arguments: Sequence[str], account: _Account) -> None:
    service, command, *rest = arguments
    operation = _OPERATIONS.get((service, command))
    if operation is None:
        raise RefusedError(f"`{service} {command}` is not simulated")
    options = _options(rest)
    if "--region" not in options:
        raise RefusedError("You must specify a region")
    given = _checked(service, operation, options)
    match operation:
        case "DescribeInstances":
            names = [value for each in given["Filters"] if each["Name"] == "tag:Name" for value in each["Values"]]
            found = [instance for name in names for instance in account.instances(name)]
            answer: Any = {"Reservations": [{"Instances": [{"InstanceId": each}]} for each in found]}
        case "DescribeInstanceInformation":
            asked = [value for each in given["Filters"] for value in each["Values"]]
            online = [each for each in asked if account.has_instance(each)]
            answer = {"InstanceInformationList": [{"InstanceId": each, "PingStatus": "Online"} for each in online]}
        case _:
            _start_session(given, account)
            return
    print(json.dumps(jmespath.search(options.get("--query", ["@"])[0], answer)))  # noqa: T201 - the command's answer


def _checked(service: str, operation: str, options: Mapping[str, list[str]]) -> dict[str, Any]:
    """Read options into the operation's parameters, and check these against the service's model."""
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    shape = model.input_shape
    given: dict[str, Any] = {}
    for option, values in options.items():
        if option in {"--region", "--output", "--query"}:
            continue
        name = "".join(part.capitalize() for part in option.removeprefix("--").split("-"))
        if shape is None or name not in shape.members:
            raise RefusedError(f"Unknown options: {option}")
        kind = shape.members[name].type_name
        if kind == "list":
            given[name] = [_shorthand(value) for value in values]
        else:
            given[name] = json.loads(values[0]) if kind == "map" else values[0]
    report = ParamValidator().validate(given, shape)
    if report.has_errors():
        raise RefusedError(f"Parameter validation failed:\n{report.generate_report()}")
    return given


def _start_session(given: Mapping[str, Any], account: _Account) -> None:
    if given.get("DocumentName") != _FORWARD:
        raise RefusedError(f"only sessions by {_FORWARD} are simulated")
    if not account.has_instance(given["Target"]):
        raise RefusedError(f"An error occurred (TargetNotConnected): {given['Target']} is not connected")
    host = given["Parameters"]["host"][0]
    clusters = [each for each in account.of_type(EKS) if urlsplit(each.outputs["endpoint"]).hostname == host]
    if not clusters:
        raise RefusedError(f"Connection to destination port failed: {host} is no API server of this account")
    port = int(given["Parameters"]["localPortNumber"][0])
    _answer(str(clusters[0].outputs["arn"]), port, f"Port {port} opened for sessionId simulated.")


def _az(arguments: Sequence[str], account: _Account) -> None:
    words, rest = arguments[:3], arguments[3:]
    if list(words) != ["network", "bastion", "tunnel"]:
        raise RefusedError(f"`{' '.join(words)}` is not simulated")
    options = {name: values[0] for name, values in _options(rest).items()}
    known = {"--name", "--resource-group", "--subscription", "--target-resource-id", "--resource-port", "--port"}
    if missing := known - {"--subscription"} - options.keys():
        raise RefusedError(f"the following arguments are required: {', '.join(sorted(missing))}")
    if strange := options.keys() - known:
        raise RefusedError(f"unrecognized arguments: {', '.join(sorted(strange))}")
    hosts = [each for each in account.of_type(_BASTION) if each.inputs.get("bastionHostName") == options["--name"]]
    if not hosts:
        raise RefusedError(f"(ResourceNotFound) bastionHosts/{options['--name']} was not found")
    if not hosts[0].inputs.get("enableTunneling"):
        raise RefusedError("Bastion Host SKU must be Standard or Premium and Native Client must be enabled")
    target = options["--target-resource-id"]
    if target not in {each.id for each in account.of_type(AKS)}:
        raise RefusedError(f"(ResourceNotFound) {target} was not found")
    port = int(options["--port"])
    _answer(target, port, f"Tunnel is ready, connect on port {port}")


def _answer(cluster: str, port: int, ready: str) -> None:
    """Be the cluster's API server on a local port until ended, or lead to it where there is one."""
    world = Path(os.environ[guard.WORLD_VARIABLE])
    if mode_of(world) is ClusterMode.REAL:
        forward(port, lambda: _server_of(world, cluster), lambda: print(ready, flush=True))  # noqa: T201 - as below
        return
    body = json.dumps({"gitVersion": "v1.34.0+simulated", "cluster": cluster, "simulated": True}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == VERSION_PATH else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it has
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        print(ready, flush=True)  # noqa: T201 - what the real one says
        server.serve_forever()


def _server_of(world: Path, identifier: str) -> tuple[str, int]:
    """Give host and port of a cluster's API server.

    Raises:
        ConnectionError: there is none, or it was never started.
    """
    found = find_cluster(world / "account.sqlite", identifier)
    try:
        if found is not None:
            server = urlsplit(ControlPlane(world, found).connection().server)
            return str(server.hostname), int(server.port or 443)
    except KubeconfigError as error:
        raise ConnectionError(str(error)) from error
    raise ConnectionError(f"{identifier} is no cluster of this account")


def _options(words: Sequence[str]) -> dict[str, list[str]]:
    """Read `--option value value …`."""
    options: dict[str, list[str]] = {}
    last: list[str] | None = None
    for word in words:
        if word.startswith("--"):
            last = options.setdefault(word, [])
        elif last is None:
            raise RefusedError(f"Unknown options: {word}")
        else:
            last.append(word)
    if empty := [option for option, values in options.items() if not values]:
        raise RefusedError(f"{empty[0]}: expected one argument")
    return options


def _shorthand(text: str) -> dict[str, Any]:
    """Read `Name=a,Values=b,c` as the AWS command line does: a key's further values follow it, between commas."""
    found: dict[str, list[str]] = {}
    key = ""
    for piece in text.split(","):
        name, equals, value = piece.partition("=")
        key, value = (name, value) if equals else (key, piece)
        found.setdefault(key, []).append(value)
    return {name: values if name == "Values" else values[0] for name, values in found.items()}


def _instance_of(group: Resource) -> str:
    return f"i-{hashlib.sha256(group.id.encode()).hexdigest()[:17]}"
