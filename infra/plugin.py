"""Resources of the `modelfleet` plugin (`toolchain/modelfleet_provider/`): what a cloud would have, on one machine.

What each type does and which inputs and outputs it has stands where it is made; here they get their Python shape.
"""

import importlib.metadata
import re

import pulumi
from pydantic.alias_generators import to_camel

_VERSION = importlib.metadata.version("modelfleet")


class _Resource(pulumi.CustomResource):
    """A resource whose plugin has this project's version; Python names here, camelCase on the wire."""

    def __init__(
        self,
        token: str,
        name: str,
        inputs: dict[str, pulumi.Input[object] | None],
        outputs: tuple[str, ...],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        given = {key: value for key, value in inputs.items() if value is not None}
        opts = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(version=_VERSION), opts)
        super().__init__(f"modelfleet:{token}", name, {**dict.fromkeys(outputs), **given}, opts)

    def translate_input_property(self, prop: str) -> str:
        return to_camel(prop)

    def translate_output_property(self, prop: str) -> str:
        return re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), prop)


class EmbeddedCluster(_Resource):
    """A running embedded Kubernetes. Deleting it ends every process of it and removes its data."""

    cluster_name: pulumi.Output[str]
    cluster_id: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]
    gateway_address: pulumi.Output[str]

    def __init__(
        self, name: str, *, cluster_name: str, simulated_gpus: int, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(
            "local:Cluster",
            name,
            {"cluster_name": cluster_name, "simulated_gpus": simulated_gpus, "stack": pulumi.get_stack()},
            ("cluster_id", "kubeconfig", "gateway_address"),
            pulumi.ResourceOptions.merge(pulumi.ResourceOptions(additional_secret_outputs=["kubeconfig"]), opts),
        )


class Image(_Resource):
    """A container image, built from this checkout and handed to an embedded cluster or pushed to a registry."""

    reference: pulumi.Output[str]
    source_digest: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        image: str,
        cluster: EmbeddedCluster | None = None,
        registry: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            "local:Image",
            name,
            {
                "image": image,
                "cluster_name": None if cluster is None else cluster.cluster_name,
                "cluster_id": None if cluster is None else cluster.cluster_id,
                "registry": registry,
            },
            ("reference", "source_digest"),
            opts,
        )


class ModelWeights(_Resource):
    """A model's folder, published into this machine's bucket with every file's hash checked."""

    folder: pulumi.Output[str]
    digest: pulumi.Output[str]

    def __init__(self, name: str, *, model: str, source: str, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs: dict[str, pulumi.Input[object] | None] = {
            "model": model,
            "source": source,
            "stack": pulumi.get_stack(),
        }
        super().__init__("local:ModelWeights", name, inputs, ("folder", "digest"), opts)


class Certificate(_Resource):
    """A server certificate under a private authority, both made here and renewed before they end."""

    certificate: pulumi.Output[str]
    private_key: pulumi.Output[str]
    ca_certificate: pulumi.Output[str]

    def __init__(
        self, name: str, *, hosts: list[pulumi.Input[str]], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(
            "local:Certificate",
            name,
            {"hosts": hosts},
            ("certificate", "private_key", "ca_certificate", "not_after"),
            pulumi.ResourceOptions.merge(pulumi.ResourceOptions(additional_secret_outputs=["privateKey"]), opts),
        )


class ApiKey(_Resource):
    """A random API key: clients get the key (secret), the gateway gets its hash."""

    key: pulumi.Output[str]
    sha256: pulumi.Output[str]

    def __init__(self, name: str, *, key_id: str, tenant: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            "access:ApiKey",
            name,
            {"key_id": key_id, "tenant": tenant},
            ("key", "sha256"),
            pulumi.ResourceOptions.merge(pulumi.ResourceOptions(additional_secret_outputs=["key"]), opts),
        )
