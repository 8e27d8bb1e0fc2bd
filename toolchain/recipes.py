"""What is built from Go modules, and how: one row a tool.

The module versions are pinned in ``modules/<name>/go.mod`` and their checksums in ``go.sum`` beside it. To add a
tool: ``go mod init``, ``go get -tool PACKAGE@VERSION`` in a folder of its own there, and a row here.

The pinned versions are the newest that Go 1.25 compiles: etcd 3.6.15 and later ask for Go 1.26.
"""

from dataclasses import dataclass
from pathlib import Path

from toolchain.errors import UnknownRecipeError

_MODULES = Path(__file__).resolve().parent / "modules"
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class ModuleFile:
    """A ready-made file that is installed beside the binaries, taken from a module's source."""

    module: str
    path: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one tool is built.

    Attributes:
        name: what ``ensure`` is asked for, and the folder under ``modules/``.
        version: the upstream version, without a ``v``.
        commands: binary name -> Go package of its ``main``; built by one ``go build``, so that what they share
            is compiled once.
        tags: build tags.
        ldflags: flags for the linker.
        files: scripts to install beside the binaries.
        cold_bytes: disk space that a build with empty caches takes (rounded up; module cache, build cache and
            binaries), which is asked for before it starts.
        purpose: what it is for, in a few words.
    """

    name: str
    version: str
    commands: dict[str, str]
    purpose: str
    cold_bytes: int
    tags: tuple[str, ...] = ()
    ldflags: tuple[str, ...] = ("-s", "-w")
    files: tuple[ModuleFile, ...] = ()

    @property
    def module_dir(self) -> Path:
        """The folder with the pinned go.mod and go.sum."""
        return _MODULES / self.name

    @property
    def products(self) -> tuple[str, ...]:
        """Names of all files that a finished build consists of."""
        return (*self.commands, *(Path(file.path).name for file in self.files))


def _version_stamp(version: str) -> tuple[str, ...]:
    # What `kubectl version` and the node's kubeletVersion show. A fixed build date keeps builds bit-identical.
    major, minor, _ = version.split(".")
    stamp = {
        "gitVersion": f"v{version}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return tuple(f"-X={package}.{key}={value}" for package in packages for key, value in stamp.items())


_PULUMI_VERSION = "3.259.0"
_KUBERNETES_VERSION = "1.34.4"  # Debian 12 has containerd 1.6, which serves kubelets up to 1.35

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="pulumi",
            version=_PULUMI_VERSION,
            commands={"pulumi": "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"},
            tags=("osusergo", "grpcnotrace"),
            ldflags=(
                "-s",
                "-w",
                f"-X=github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{_PULUMI_VERSION}",
            ),
            # What runs a Python program, and what runs its dynamic resources.
            files=(
                ModuleFile("github.com/pulumi/pulumi/sdk/v3", "python/cmd/pulumi-language-python-exec"),
                ModuleFile("github.com/pulumi/pulumi/sdk/v3", "python/dist/pulumi-resource-pulumi-python"),
            ),
            cold_bytes=5 * _GIB,
            purpose="the Pulumi engine and CLI",
        ),
        Recipe(
            name="kubernetes",
            version=_KUBERNETES_VERSION,
            commands={
                name: f"k8s.io/kubernetes/cmd/{name}"
                for name in (
                    "kube-apiserver",
                    "kube-controller-manager",
                    "kube-scheduler",
                    "kubectl",
                    "kube-proxy",
                    "kubelet",
                )
            },
            ldflags=("-s", "-w", *_version_stamp(_KUBERNETES_VERSION)),
            cold_bytes=9 * _GIB,
            purpose="the embedded cluster's control plane, node and client",
        ),
        Recipe(
            name="etcd",
            version="3.6.14",
            commands={"etcd": "go.etcd.io/etcd/server/v3"},
            cold_bytes=2 * _GIB,
            purpose="the embedded cluster's database",
        ),
        Recipe(
            name="coredns",
            version="1.14.7",
            commands={"coredns": "github.com/coredns/coredns"},
            cold_bytes=4 * _GIB,
            purpose="names inside the embedded cluster",
        ),
        Recipe(
            name="actionlint",
            version="1.7.12",
            commands={"actionlint": "github.com/rhysd/actionlint/cmd/actionlint"},
            cold_bytes=1 * _GIB,
            purpose="checks the GitHub workflows",
        ),
        Recipe(
            name="cosign",
            version="3.0.6",
            commands={"cosign": "github.com/sigstore/cosign/v3/cmd/cosign"},
            ldflags=("-s", "-w", "-X=sigs.k8s.io/release-utils/version.gitVersion=v3.0.6"),
            cold_bytes=4 * _GIB,
            purpose="signs images and what is stated about them",
        ),
        Recipe(
            name="act",
            version="0.2.89",
            commands={"act": "github.com/nektos/act"},
            cold_bytes=2 * _GIB,
            purpose="runs the GitHub workflows here, for the tests",
        ),
    )
}


def recipe_named(name: str) -> Recipe:
    """Return one row of the table.

    Raises:
        UnknownRecipeError: there is no such row.
    """
    try:
        return RECIPES[name]
    except KeyError:
        raise UnknownRecipeError(f"no tool is called {name!r}; there are: {', '.join(RECIPES)}") from None
