"""`local:Certificate`: a server certificate under a private authority.

Input: hosts (names and addresses). Outputs: certificate and caCertificate (PEM), privateKey and caPrivateKey
(PEM, secret), notAfter (ISO 8601). The authority stays when hosts change, so that clients go on trusting it.
"""

from datetime import UTC, datetime, timedelta

from toolchain.modelfleet_provider.resource_type import InputError, Inputs, Outputs, Progress, ResourceType

_RENEW_BEFORE_END = timedelta(days=30)


class Certificate(ResourceType):
    """Authority and server certificate on NIST P-256."""

    outputs = ("certificate", "privateKey", "caCertificate", "caPrivateKey", "notAfter")
    secrets = frozenset({"privateKey", "caPrivateKey"})

    def check(self, inputs: Inputs) -> Inputs:
        """Refuse a certificate for nobody."""
        hosts = inputs.get("hosts")
        if hosts is not None and not hosts:
            raise InputError("hosts", "is empty: name at least one host")
        return {**inputs, "hosts": list(dict.fromkeys(hosts))} if hosts else inputs

    def stale(self, outputs: Outputs) -> str | None:
        """Ask for a new one in its last month."""
        end = datetime.fromisoformat(outputs["notAfter"])
        return f"ends on {end:%Y-%m-%d}" if datetime.now(UTC) > end - _RENEW_BEFORE_END else None

    def create(self, inputs: Inputs, progress: Progress) -> tuple[str, Outputs]:
        """Make an authority and a certificate under it."""
        from toolchain.modelfleet_provider.private_authority import issue_first  # noqa: PLC0415 - see there

        del progress
        return inputs["hosts"][0], issue_first(inputs["hosts"])

    def update(self, resource_id: str, inputs: Inputs, outputs: Outputs, progress: Progress) -> Outputs:
        """Issue a new certificate under the same authority."""
        from toolchain.modelfleet_provider.private_authority import issue_again  # noqa: PLC0415 - see there

        del resource_id, progress
        return issue_again(inputs["hosts"], outputs["caCertificate"], outputs["caPrivateKey"])
