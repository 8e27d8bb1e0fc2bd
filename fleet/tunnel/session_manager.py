"""AWS: a Session Manager session through the machine that the region keeps for it (`infra/clouds/aws/tunnel.py`).

The session ends after 20 idle minutes unless the account's preferences say otherwise, and is then opened again
(docs.aws.amazon.com/systems-manager/latest/userguide/session-preferences-timeout.html).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fleet.tunnel.api_server import ApiServer
from fleet.tunnel.cloud_command import ask
from fleet.tunnel.errors import NotReadyError
from fleet.tunnel.route import Tool

DOCUMENT = "AWS-StartPortForwardingSessionToRemoteHost"
"""AWS's own session document that forwards to another host than the machine itself: machine's agent 3.1.1374 or later
(docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html)."""


@dataclass(frozen=True)
class SessionManager:
    """The route of an EKS cluster.

    Attributes:
        region: Region code.
        machine: Tag `Name` of the machine.
        server: The API server.
        environment: The whole environment of the AWS command line, the identity in it.
    """

    region: str
    machine: str
    server: ApiServer
    environment: Mapping[str, str] = field(repr=False)

    @property
    def title(self) -> str:
        """Session Manager and its machine."""
        return f"Session Manager through {self.machine}"

    @property
    def tools(self) -> Sequence[Tool]:
        """The AWS command line and its plugin for sessions."""
        return (
            Tool("aws", "the AWS CLI v2, docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"),
            Tool(
                "session-manager-plugin",
                "docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html",
            ),
        )

    def command(self, port: int) -> Sequence[str]:
        """Start a session on the machine that runs now."""
        parameters = {
            "host": [self.server.host],
            "portNumber": [str(self.server.port)],
            "localPortNumber": [str(port)],
        }
        return [
            *("aws", "ssm", "start-session", "--region", self.region, "--target", self._instance()),
            *("--document-name", DOCUMENT, "--parameters", json.dumps(parameters)),
        ]

    def _instance(self) -> str:
        """Give the id of the machine, once Session Manager knows it."""
        running = ask(
            [
                *("aws", "ec2", "describe-instances", "--region", self.region, "--output", "json"),
                *("--filters", f"Name=tag:Name,Values={self.machine}", "Name=instance-state-name,Values=running"),
                *("--query", "Reservations[].Instances[].InstanceId"),
            ],
            self.environment,
        )
        if not running:
            raise NotReadyError(f"no machine {self.machine} runs in {self.region} yet")
        online = ask(
            [
                *("aws", "ssm", "describe-instance-information", "--region", self.region, "--output", "json"),
                *("--filters", f"Key=InstanceIds,Values={','.join(running)}"),
                *("--query", "InstanceInformationList[?PingStatus=='Online'].InstanceId"),
            ],
            self.environment,
        )
        if not online:
            raise NotReadyError(f"machine {self.machine} runs, and its agent has not reported to Session Manager yet")
        return online[0]
