"""What a release is asked to be, in a command's words, and what a stack then pins."""

import pytest

from release.artefacts import Artefacts, Component, Target, short
from release.errors import ReleaseError
from tests.release.simulated import GATEWAY, MODEL, artefacts, digest, server


def test_a_bare_digest_is_the_server_s_in_its_own_repository() -> None:
    assert Target.parse([digest(2)]).applied(artefacts(1), "one") == artefacts(2)


def test_components_by_name() -> None:
    target = Target.parse([f"gateway={digest(5)}", f"model={digest(6)}", "server=other.example/s@" + digest(7)])
    assert target.applied(artefacts(1), "one") == Artefacts(
        server=f"other.example/s@{digest(7)}", gateway=f"registry.example/gateway@{digest(5)}", model=digest(6)
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name a digest"),
        (["sha256:12"], "'sha256:12' is not a digest"),
        (["gatway=" + digest(1)], "'gatway' is no component; there are: server, gateway, model"),
        ([digest(1), digest(2)], "server is named twice"),
        (["server=build"], "a release is a digest"),
        (["server:latest"], "tags are refused"),
        (["model=" + server(1)], "is not a digest"),
    ],
)
def test_what_is_no_release(words: list[str], told: str) -> None:
    with pytest.raises(ReleaseError, match=told):
        Target.parse(words)


def test_differences() -> None:
    found = list(artefacts(1).differences(artefacts(2)))
    assert [(each.component, each.before, each.after) for each in found] == [(Component.SERVER, server(1), server(2))]


def test_a_digest_is_found_by_its_first_twelve_digits() -> None:
    pinned = Artefacts(server="r/s@sha256:" + "ab" * 32, gateway=GATEWAY, model=MODEL)
    assert pinned.pins("sha256:" + "ab" * 32)
    assert pinned.pins("ab" * 6)
    assert not pinned.pins("ab" * 5)
    assert not pinned.pins("ba" * 6)


def test_digests_as_people_read_them() -> None:
    assert short("r/s@sha256:" + "ab" * 32) == "r/s@" + "ab" * 6
    assert short("build") == "build"
    assert short(None) == "-"
