"""`local:ModelWeights`: a model's folder in this machine's bucket, where the cluster's nodes can read it.

Inputs: model (name), source (folder, relative to the repository), stack (whose bucket). Outputs: folder (absolute
path), digest (`sha256:` of manifest.json). A folder is named after its digest and never changed: a new model is a new
folder, so that pods of both can run while one takes over from the other.
"""

import contextlib
import hashlib
import json
import shutil
from pathlib import Path

from toolchain.locations import bucket_dir, clone_dir
from toolchain.modelfleet_provider.resource_type import InputError, Inputs, Outputs, Progress, ResourceType

_MANIFEST_NAME = "manifest.json"
"""`service.weights.manifest` has it too, and brings what no preview needs."""


class ModelWeights(ResourceType):
    """Weights that are published once and read by every pod."""

    outputs = ("folder", "digest")
    replaced_by = frozenset({"model", "source", "digest", "stack"})

    def check(self, inputs: Inputs) -> Inputs:
        """Add the digest, so that another manifest is another resource."""
        source = clone_dir() / inputs["source"]
        try:
            manifest = (source / _MANIFEST_NAME).read_bytes()
        except OSError as error:
            raise InputError(
                "source", f"{source} holds no manifest.json ({error.strerror}): is modelfleet:model.source right?"
            ) from error
        return {**inputs, "digest": _digest(manifest)}

    def foreseen(self, inputs: Inputs) -> Outputs:
        """Folder and digest follow from the inputs alone."""
        return {"folder": str(_folder(inputs)), "digest": inputs["digest"]}

    def stale(self, outputs: Outputs) -> str | None:
        """Look for files that are gone, cut short, or were written after the manifest, which is published last."""
        manifest = Path(outputs["folder"]) / _MANIFEST_NAME
        try:
            published = manifest.read_bytes()
            published_ns = manifest.stat().st_ctime_ns
            if _digest(published) != outputs["digest"]:
                return f"{manifest} is not the one that was published"
            # The one whose every word was checked when it was published: its shape is no question any more.
            for name, entry in json.loads(published)["files"].items():
                file = manifest.parent / name
                status = file.stat()
                if status.st_size != entry["size_bytes"] or status.st_ctime_ns > published_ns:
                    return f"{file} was changed since it was published"
        except OSError as error:
            return f"{manifest.parent} is damaged: {error}"
        return None

    def create(self, inputs: Inputs, progress: Progress) -> tuple[str, Outputs]:
        """Publish, every file's hash checked; what is damaged at the target is published anew."""
        from toolchain.modelfleet_provider.weights_bucket import publish_whole  # noqa: PLC0415 - see there

        source, folder = clone_dir() / inputs["source"], _folder(inputs)
        progress(f"publishing {inputs['model']} to {folder}")
        publish_whole(source, folder, progress)
        return f"{inputs['model']}@{inputs['digest']}", self.foreseen(inputs)

    def read(self, resource_id: str, outputs: Outputs) -> Outputs | None:
        """Look whether the folder is still there."""
        del resource_id
        return outputs if (Path(outputs["folder"]) / _MANIFEST_NAME).is_file() else None

    def delete(self, resource_id: str, outputs: Outputs) -> None:
        """Remove the folder, and the bucket with its last one."""
        del resource_id
        folder = Path(outputs["folder"])
        shutil.rmtree(folder, ignore_errors=True)
        for above in folder.parents[:3]:  # the model's, `models`, the bucket
            with contextlib.suppress(OSError):  # it holds other weights
                above.rmdir()


def _digest(manifest: bytes) -> str:
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


def _folder(inputs: Inputs) -> Path:
    # A stack has a bucket of its own: what it deletes, another one may be serving from.
    return bucket_dir(inputs["stack"]) / "models" / inputs["model"] / inputs["digest"].removeprefix("sha256:")
