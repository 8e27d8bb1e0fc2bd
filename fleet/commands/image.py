"""`fleet image`: container images of this checkout: built, checked, pushed, signed, verified."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleet import console

if TYPE_CHECKING:
    from toolchain.images import Accelerator, BuiltImage

app = typer.Typer(help="Container images: build, check, push, sign, verify.", no_args_is_help=True)

_COLUMNS = ["image", "reference", "MB"]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program")]
Reference = Annotated[str, typer.Argument(help="Image in a registry, by digest, as `fleet image push` prints it")]
TrustedRoot = Annotated[
    Path | None, typer.Option(help="Certificates and keys of a Sigstore of your own; the public one's by default")
]
ForGpus = Annotated[bool, typer.Option("--cuda", help="The model server for GPUs: with NVIDIA's libraries")]
Names = Annotated[list[str] | None, typer.Argument(help="Images (folders under images/); all by default")]


@app.command()
def build(
    names: Names = None,
    base: Annotated[str | None, typer.Option(help="Base image by digest, where a registry is reachable")] = None,
    cuda: ForGpus = False,
    as_json: AsJson = False,
) -> None:
    """Build images; what is built already is taken as it is.

    Examples:
        fleet image build

        fleet image build server --base registry.example/python@sha256:...

        fleet image build server --cuda
    """
    from toolchain import images  # noqa: PLC0415 - not needed for --help

    built = [
        images.build(name, base=base, accelerator=_accelerator(cuda=cuda), on_progress=console.note)
        for name in names or sorted(images.RECIPES)
    ]
    console.result([_row(image) for image in built], _COLUMNS, as_json=as_json)


@app.command(name="list")
def list_images(
    as_json: AsJson = False,
) -> None:
    """List the images on this disk, the newest first.

    Example:
        fleet image list --json
    """
    from toolchain import images  # noqa: PLC0415

    console.result([_row(image) for image in images.list_built()], _COLUMNS, as_json=as_json)


@app.command()
def push(
    registry: Annotated[str, typer.Argument(help="Registry and optional path, such as registry.example/team")],
    names: Names = None,
    cuda: ForGpus = False,
    as_json: AsJson = False,
) -> None:
    """Build images and push them; prints the references by digest.

    Examples:
        fleet image push localhost:5000

        fleet image push registry.example/models server --cuda
    """
    from toolchain import images  # noqa: PLC0415

    pushed = {}
    for name in names or sorted(images.RECIPES):
        image = images.build(name, accelerator=_accelerator(cuda=cuda), on_progress=console.note)
        pushed[name] = images.push(image, registry)
        if not as_json:
            console.out.print(pushed[name], markup=False, soft_wrap=True)
    if as_json:
        console.json_result(pushed)


@app.command()
def check(names: Names = None, cuda: ForGpus = False, as_json: AsJson = False) -> None:
    """Check built images: their user, programs, labels and size, and packages against uv.lock.

    Fails where one breaks a rule. Known vulnerabilities are another command's (`fleet image audit`).

    Examples:
        fleet image check

        fleet image check gateway --json
    """
    from toolchain import images  # noqa: PLC0415
    from toolchain.images.contents import read_contents  # noqa: PLC0415
    from toolchain.images.gate import findings  # noqa: PLC0415

    rows = []
    for name in names or sorted(images.RECIPES):
        image = images.build(name, accelerator=_accelerator(cuda=cuda), on_progress=console.note)
        contents = read_contents(image)
        broken = findings(image, contents)
        rows.append(
            {
                "image": name,
                "MB": round(image.size_bytes / 1e6),
                "packages": len(contents.packages),
                "user": contents.config.get("User", ""),
                "findings": "; ".join(finding.text for finding in broken) or "none",
                "layers": contents.layers,
                "reference": image.reference,
            }
        )
    console.result(rows, ["image", "MB", "packages", "user", "findings"], as_json=as_json)
    if any(row["findings"] != "none" for row in rows):
        raise typer.Exit(1)


@app.command()
def audit(
    names: Names = None,
    service: Annotated[str, typer.Option(help="Who knows vulnerabilities: pypi or osv")] = "pypi",
    as_json: AsJson = False,
) -> None:
    """Look up the packages that uv.lock pins for images where vulnerabilities are known, by pip-audit.

    Fails where one has a known one, and where the service can't be reached: then nothing is known.

    Examples:
        fleet image audit

        fleet image audit gateway --service osv --json
    """
    from toolchain import images  # noqa: PLC0415
    from toolchain.images.audit import audit as look_up  # noqa: PLC0415

    if service not in {"pypi", "osv"}:
        raise console.FleetError(f"--service {service}: there are pypi and osv")
    rows = [
        {"image": name} | asdict(found)
        for name in names or sorted(images.RECIPES)
        for found in look_up(name, service=service)
    ]
    console.result(rows, ["image", "package", "identifier", "fixed_in"], as_json=as_json)
    if rows:
        raise typer.Exit(1)
    console.note("no known vulnerability")


@app.command()
def sbom(name: Annotated[str, typer.Argument(help="Image (folder under images/)")]) -> None:
    """Print an image's bill of materials: SPDX 2.3 as JSON, of the Debian and Python packages that are in it.

    Example:
        fleet image sbom gateway > gateway.spdx.json
    """
    from toolchain import images  # noqa: PLC0415
    from toolchain.images.shipment import bill_of_materials  # noqa: PLC0415

    console.json_result(bill_of_materials(images.build(name, on_progress=console.note)))


@app.command()
def keygen(
    prefix: Annotated[Path, typer.Argument(help="Path of the key, without .key and .pub")],
    as_json: AsJson = False,
) -> None:
    """Make a key pair that signs images, encrypted by $COSIGN_PASSWORD.

    Example:
        COSIGN_PASSWORD=... fleet image keygen ~/.config/modelfleet/images
    """
    from toolchain.images.cosign import generate_key  # noqa: PLC0415

    private, public = generate_key(prefix.expanduser())
    if as_json:
        console.json_result({"private": private, "public": public})
    else:
        console.note(f"{private} signs and stays with you; {public} verifies and is for everybody")


@app.command()
def sign(
    reference: Reference,
    key: Annotated[Path | None, typer.Option(help="Private key")] = None,
    keyless: Annotated[bool, typer.Option("--keyless", help="Sign by the identity of the job that this is")] = False,
    signing_config: Annotated[
        Path | None, typer.Option(help="Keyless, by a Sigstore of your own: file that says where it is")
    ] = None,
    trusted_root: TrustedRoot = None,
) -> None:
    """Sign a pushed image that was built here, and attach its bill of materials and its provenance.

    An image that `fleet image check` finds fault with is not signed. $COSIGN_PASSWORD opens the key.

    Examples:
        fleet image sign localhost:5000/gateway@sha256:... --key images.key

        fleet image sign ghcr.io/example/gateway@sha256:... --keyless    # in GitHub Actions, with `id-token: write`
    """
    from toolchain.images.cosign import KeyFile  # noqa: PLC0415
    from toolchain.images.shipment import sign_shipment  # noqa: PLC0415
    from toolchain.images.sigstore import Keyless  # noqa: PLC0415

    if (key is not None) == keyless:
        raise console.FleetError("say what signs: --key with a private key, or --keyless for this job's own identity")
    if key is not None and (signing_config or trusted_root):
        raise console.FleetError("--signing-config and --trusted-root name a Sigstore, which a --key does without")
    by = Keyless(signing_config, trusted_root) if key is None else KeyFile(key)
    sign_shipment(reference, by, console.step)
    console.note(f"signed: {reference}")


@app.command()
def verify(
    reference: Reference,
    key: Annotated[Path | None, typer.Option(help="Public key of whoever must have signed")] = None,
    identity: Annotated[
        str, typer.Option(help="Regular expression, of all of it: the workflow that must have signed")
    ] = "",
    issuer: Annotated[
        str, typer.Option(help="Who must have proved that identity; GitHub Actions by default", show_default=False)
    ] = "",
    trusted_root: TrustedRoot = None,
    as_json: AsJson = False,
) -> None:
    r"""Check an image's signature, bill of materials and provenance; fails where one is missing or somebody else's.

    Examples:
        fleet image verify localhost:5000/gateway@sha256:... --key images.pub

        fleet image verify ghcr.io/example/gateway@sha256:... \
            --identity 'https://github\.com/example/modelfleet/\.github/workflows/images\.yml@refs/heads/main'
    """
    from toolchain.images.cosign import KeyFile  # noqa: PLC0415
    from toolchain.images.shipment import verify_shipment  # noqa: PLC0415
    from toolchain.images.sigstore import GITHUB_ISSUER, Identity  # noqa: PLC0415

    if (key is None) == (not identity):
        raise console.FleetError("say who must have signed: --key with a public key, or --identity with a workflow's")
    if key is not None and (issuer or trusted_root):
        raise console.FleetError("--issuer and --trusted-root are about an --identity, which a --key does without")
    by = Identity(identity, issuer or GITHUB_ISSUER, trusted_root) if key is None else KeyFile(key)
    verified = verify_shipment(reference, by)
    row = asdict(verified) | {"commit": verified.commit or "a changed checkout"}
    console.result([row], ["reference", "packages", "commit", "builder"], as_json=as_json)


def _accelerator(*, cuda: bool) -> "Accelerator":
    from toolchain.images import Accelerator  # noqa: PLC0415

    return Accelerator.CUDA if cuda else Accelerator.CPU


def _row(image: "BuiltImage") -> dict[str, object]:
    return {
        "image": image.name,
        "reference": image.reference,
        "MB": round(image.size_bytes / 1e6),
        "archive": str(image.archive),
    }
