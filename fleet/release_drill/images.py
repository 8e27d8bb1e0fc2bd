"""The images that a drill releases: this checkout's own under other digests, and with one fault above."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from fleet.release_drill.scenario import ServerImage
from toolchain import images
from toolchain.images.built_image import LOCAL_REGISTRY, BuiltImage
from toolchain.images.derived_image import Change, DerivedImage, derive
from toolchain.locations import clone_dir

_TITLE: Final = "org.opencontainers.image.title"
_LABEL: Final = "dev.modelfleet.drill"
_PROGRAM: Final = "opt/modelfleet/faulty_server.py"
NAME: Final = "drill-server"
"""Repository of all of a drill's servers: nobody takes one for a release."""
GATEWAY_NAME: Final = "drill-gateway"
MISSING: Final = f"{LOCAL_REGISTRY}/{NAME}@sha256:{'9' * 64}"


@dataclass(frozen=True)
class DrillImages:
    """Makes a drill's images as they are wanted.

    Attributes:
        folder: Where their archives are.
    """

    folder: Path

    @cached_property
    def server(self) -> BuiltImage:
        """The model server of this checkout."""
        return images.build("server")

    @cached_property
    def gateway(self) -> BuiltImage:
        """The gateway of this checkout."""
        return images.build("gateway")

    def server_as(self, kind: ServerImage, number: int) -> DerivedImage | None:
        """Make a server's image; None for one that does not exist.

        Args:
            kind: What is wrong with it.
            number: Of the release: each has a digest of its own.
        """
        if kind is ServerImage.MISSING:
            return None
        label = f"release {number}, {kind}"
        labels = {_TITLE: f"modelfleet model server of a drill, never to be shipped: {kind}", _LABEL: label}
        if kind is ServerImage.GOOD:
            return self._derived(self.server, Change(labels), NAME)
        program = (clone_dir() / "images" / "drill" / "faulty_server.py").read_bytes()
        entrypoint = ("/usr/bin/python3", f"/{_PROGRAM}", str(kind))
        return self._derived(self.server, Change(labels, {_PROGRAM: program}, entrypoint), NAME)

    def gateway_again(self, number: int) -> DerivedImage:
        """Make a gateway's image that differs in its digest alone."""
        labels = {_TITLE: "modelfleet gateway of a drill, never to be shipped", _LABEL: f"release {number}"}
        return self._derived(self.gateway, Change(labels), GATEWAY_NAME)

    def _derived(self, base: BuiltImage, change: Change, name: str) -> DerivedImage:
        self.folder.mkdir(parents=True, exist_ok=True)
        # One file for all: the clusters that need an image have it before the next one is made.
        return derive(base, change, name=name, archive=self.folder / f"{name}.tar")
