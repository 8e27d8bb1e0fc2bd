import pytest
from google.protobuf import json_format, struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from toolchain.provider.properties import (
    SECRET_SIGNATURE,
    SIGNATURE_KEY,
    UNKNOWN,
    Secret,
    contains_secret,
    contains_unknown,
    decode,
    encode,
    format_path,
    mark_secrets,
    reveal,
    secret_paths,
)

KEYS = st.text(min_size=1, max_size=8).filter(lambda key: key != SIGNATURE_KEY)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53), max_value=2**53)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: number % 1 != 0)
    | st.text(max_size=20)
    | st.just(UNKNOWN)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4) | inner.map(Secret),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, TREES, max_size=5))
def test_what_is_encoded_decodes_to_the_same(tree: dict[str, object]) -> None:
    wire = encode(tree).SerializeToString()
    assert decode(struct_pb2.Struct.FromString(wire)) == tree


@given(st.dictionaries(KEYS, TREES, max_size=5))
def test_secrets_stripped_and_marked_again_are_at_the_same_places(tree: dict[str, object]) -> None:
    plain = reveal(tree)
    assert not contains_secret(plain)
    assert set(secret_paths(mark_secrets(plain, tree))) == set(secret_paths(tree))
    assert contains_unknown(plain) == contains_unknown(tree)


def test_a_secret_travels_as_the_protocols_signed_object() -> None:
    sent = json_format.MessageToDict(encode({"password": Secret("p")}))
    assert sent == {"password": {SIGNATURE_KEY: SECRET_SIGNATURE, "value": "p"}}


def test_an_output_value_decodes_to_its_value_and_secretness() -> None:
    wire = struct_pb2.Struct()
    signature = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
    wire.update(
        {
            "known": {SIGNATURE_KEY: signature, "value": "v", "secret": True},
            "not known": {SIGNATURE_KEY: signature},
        }
    )
    assert decode(wire) == {"known": Secret("v"), "not known": UNKNOWN}


def test_marking_leaves_out_what_the_result_lacks() -> None:
    assert mark_secrets({"a": 1, "c": [1, 2]}, {"b": Secret(1), "c": [1, Secret(2), Secret(3)]}) == {
        "a": 1,
        "c": [1, Secret(2)],
    }


def test_a_value_with_no_place_in_a_tree_is_named_by_its_path() -> None:
    with pytest.raises(TypeError, match=r'spec\.items\[1\]\["a\.b"\]: a object is no property value'):
        encode({"spec": {"items": [1, {"a.b": object()}]}})


def test_a_secret_does_not_show_in_a_repr() -> None:
    assert "hunter2" not in repr({"password": Secret("hunter2")})


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("spec", "containers", 0, "image"), "spec.containers[0].image"),
        (("metadata", "annotations", "pulumi.com/skipAwait"), 'metadata.annotations["pulumi.com/skipAwait"]'),
        (("data", 'a"b'), 'data["a\\"b"]'),
    ],
)
def test_paths_are_written_as_the_engine_writes_them(path: tuple[str | int, ...], text: str) -> None:
    assert format_path(path) == text
