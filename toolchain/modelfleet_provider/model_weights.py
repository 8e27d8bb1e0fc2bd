"""`local:ModelWeights`: a model's folder in this machine's bucket, where the cluster's nodes can read it.

Inputs: model (name), source (folder, relative to the repository), stack (whose bucket). Outputs: folder (absolute
path), digest (`sha256:` of manifest.json). A folder is named after its digest and never changed: a new model is a new
folder, so that pods of both can run while one takes over from the other.
"""

import contextlib
import hashlib
import shutil
from pathlib import Path

from service.weights.manifest import (
    MANIFEST_NAME,
    CorruptFileError,
    Manifest,
    ManifestError,
    WeightsError,
    verify_file,
)
from toolchain.errors import ToolchainError
from toolchain.locations import bucket_dir, clone_dir
from toolchain.modelfleet_provider.resource_type import InputError, Inputs, Outputs, Progress, ResourceType


class ModelWeights(ResourceType):
    """Weights that are published once and read by every pod."""

    outputs = ("folder", "digest")
    replaced_by = frozenset({"model", "source", "digest", "stack"})

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

    def stale(self, outputs: Outputs) -> str | None:
        """Look for files that are gone, cut short, or were written after the manifest, which is published last."""
        folder = Path(outputs["folder"])
        try:
            manifest = folder / MANIFEST_NAME
            published_ns = manifest.stat().st_ctime_ns
            for name, entry in Manifest.from_bytes(
                manifest.read_bytes(), source=str(manifest), digest=outputs["digest"]
            ).files.items():
                status = (folder / name).stat()
                if status.st_size != entry.size_bytes or status.st_ctime_ns > published_ns:
                    return f"{folder / name} was changed since it was published"
        except (OSError, ManifestError) as error:
            return f"{folder} is damaged: {error}"
        return None

    def create(self, inputs: Inputs, progress: Progress) -> tuple[str, Outputs]:
        """Publish, every file's hash checked; what is damaged at the target is published anew."""
        from service.weights.store import publish  # noqa: PLC0415 - keeps the object-store library out of every start

        source, folder = clone_dir() / inputs["source"], _folder(inputs)
        progress(f"publishing {inputs['model']} to {folder}")
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _withdraw_damaged(source, folder, progress)
            publish(source, folder.as_uri())
        except (ManifestError, CorruptFileError) as error:
            raise InputError("source", f"{error}; bring {source} back to what its manifest.json says") from error
        except WeightsError as error:
            raise ToolchainError(str(error)) from error
        return f"{inputs['model']}@{inputs['digest']}", self.foreseen(inputs)

    def read(self, resource_id: str, outputs: Outputs) -> Outputs | None:
        """Look whether the folder is still there."""
        del resource_id
        return outputs if (Path(outputs["folder"]) / "manifest.json").is_file() else None

    def delete(self, resource_id: str, outputs: Outputs) -> None:
        """Remove the folder, and the bucket with its last one."""
        del resource_id
        folder = Path(outputs["folder"])
        shutil.rmtree(folder, ignore_errors=True)
        for above in folder.parents[:3]:  # the model's, `models`, the bucket
            with contextlib.suppress(OSError):  # it holds other weights
                above.rmdir()


def _withdraw_damaged(source: Path, folder: Path, progress: Progress) -> None:
    """Make a damaged folder one without a manifest, which is no model, and which publishing writes whole."""
    manifest, published = source / MANIFEST_NAME, folder / MANIFEST_NAME
    raw = manifest.read_bytes()
    try:
        intact = published.read_bytes() == raw
        published_ns = published.stat().st_ctime_ns
    except FileNotFoundError:
        return
    for name, entry in Manifest.from_bytes(raw, source=str(manifest)).files.items():
        try:
            verify_file(folder / name, entry, name=name)
            # What was only touched is written again too, so that it is older than the manifest.
            intact &= (folder / name).stat().st_ctime_ns <= published_ns
        except CorruptFileError as error:
            progress(f"damaged, published anew: {error}")
            intact = False
    if not intact:
        published.unlink()


def _folder(inputs: Inputs) -> Path:
    # A stack has a bucket of its own: what it deletes, another one may be serving from.
    return bucket_dir(inputs["stack"]) / "models" / inputs["model"] / inputs["digest"].removeprefix("sha256:")
