"""`local:Image`: a container image, built from this checkout.

Inputs: image (folder under images/), clusterName and clusterId (the embedded cluster to import it into) or
registry (to push it to), sourceDigest (added by check: a hash over all that goes in). Output: reference, by digest.
"""

from toolchain import images
from toolchain.cluster import EmbeddedCluster
from toolchain.modelfleet_provider.resource_type import Inputs, Outputs, Progress, ResourceType


class Image(ResourceType):
    """An image that is rebuilt when anything that goes into it changes."""

    outputs = ("reference",)
    replaced_by = frozenset({"image"})

    def check(self, inputs: Inputs) -> Inputs:
        """Add the hash of the sources."""
        return {**inputs, "sourceDigest": images.source_digest(inputs["image"])}

    def create(self, inputs: Inputs, progress: Progress) -> tuple[str, Outputs]:
        """Build (from the cache where nothing changed) and hand over."""
        built = images.build(inputs["image"], on_progress=progress)
        reference = built.reference
        if inputs.get("registry"):
            progress(f"pushing to {inputs['registry']}")
            reference = images.push(built, inputs["registry"])
        if inputs.get("clusterName"):
            progress(f"importing into cluster {inputs['clusterName']}")
            EmbeddedCluster(inputs["clusterName"]).import_image(built.archive, reference)
        return inputs["image"], {"reference": reference}
