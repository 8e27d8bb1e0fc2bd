"""`local:ModelWeights`: a model's folder in this machine's bucket, where the cluster's nodes can read it.

Inputs: model (name), source (folder, relative to the repository). Outputs: folder (absolute path), digest
(`sha256:` of manifest.json). A folder is named after its digest and never changed: a new model is a new folder,
so that pods of both can run while one takes over from the other.
"""

import hashlib
import shutil
from pathlib import Path

from toolchain.locations import clone_dir, state_dir
from toolchain.modelfleet_provider.resource_type import InputError, Inputs, Outputs, Progress, ResourceType


class ModelWeights(ResourceType):
    """Weights that are published once and read by every pod."""

    token = "local:ModelWeights"  # noqa: S105 - a type token
    outputs = ("folder", "digest")
    replaced_by = frozenset({"model", "source", "digest"})

    def check(self, inputs: Inputs) -> Inputs:
        """Add the digest, so that another manifest is another resource."""
        source = clone_dir() / inputs["source"]
        try:
            manifest = (source / "manifest.json").read_bytes()
        except OSError as error:
            raise InputError(
                "source", f"{source} holds no manifest.json ({error.strerror}): is modelfleet:model.source right?"
            ) from error
        return {**inputs, "digest": f"sha256:{hashlib.sha256(manifest).hexdigest()}"}

    def foreseen(self, inputs: Inputs) -> Outputs:
        """Folder and digest follow from the inputs alone."""
        return {"folder": str(_folder(inputs)), "digest": inputs["digest"]}

    def create(self, inputs: Inputs, progress: Progress) -> tuple[str, Outputs]:
        """Publish, every file's hash checked."""
        from service.weights.store import publish  # noqa: PLC0415 - keeps the object-store library out of every start

        folder = _folder(inputs)
        progress(f"publishing {inputs['model']} to {folder}")
        folder.mkdir(parents=True, exist_ok=True)
        publish(clone_dir() / inputs["source"], folder.as_uri())
        return f"{inputs['model']}@{inputs['digest']}", self.foreseen(inputs)

    def read(self, resource_id: str, outputs: Outputs) -> Outputs | None:
        """Look whether the folder is still there."""
        del resource_id
        return outputs if (Path(outputs["folder"]) / "manifest.json").is_file() else None

    def delete(self, resource_id: str, outputs: Outputs) -> None:
        """Remove the folder."""
        del resource_id
        shutil.rmtree(outputs["folder"], ignore_errors=True)


def _folder(inputs: Inputs) -> Path:
    return state_dir() / "buckets" / "models" / inputs["model"] / inputs["digest"].removeprefix("sha256:")
