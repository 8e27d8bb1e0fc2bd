from typing import Any

import pytest

from toolchain.kubernetes_provider.differences import differing_paths, live_inputs
from toolchain.provider.interface import Change
from toolchain.provider.properties import UNKNOWN, Secret, format_path


def paths(old: Any, new: Any) -> dict[str, str]:
    return {format_path(path): change.value for path, change in differing_paths(old, new)}


def test_each_difference_has_its_path() -> None:
    old = {"spec": {"replicas": 1, "containers": [{"image": "a"}, {"image": "b"}], "paused": True}}
    new = {"spec": {"replicas": 2, "containers": [{"image": "a", "args": ["-v"]}], "paused": True, "x": None}}
    assert paths(old, new) == {
        "spec.replicas": "UPDATE",
        "spec.containers[0].args": "ADD",
        "spec.containers[1]": "DELETE",
    }


def test_secretness_alone_is_no_difference_and_an_unknown_always_is_one() -> None:
    assert paths({"a": Secret("x"), "b": 1}, {"a": "x", "b": 1}) == {}
    assert paths({"a": "x"}, {"a": UNKNOWN}) == {"a": Change.UPDATE.value}
    assert paths({"a": 1}, {"a": True}) == {"a": "UPDATE"}


def test_inputs_follow_the_cluster_only_where_it_changed() -> None:
    inputs = {
        "kind": "Pod",
        "spec": {
            "hostNetwork": False,
            "containers": [
                {"name": "app", "image": "a", "resources": {"limits": {"cpu": "0.5"}}},
                {"name": "gone", "image": "g"},
            ],
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
        },
    }
    served = {"name": "app", "image": "a", "resources": {"limits": {"cpu": "500m"}}, "tty": True}
    known = {
        "kind": "Pod",
        "spec": {
            "containers": [served, {"name": "gone", "image": "g"}],
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
        },
    }
    live = {
        "kind": "Pod",
        "spec": {
            "containers": [{"name": "injected", "image": "i"}, {**served, "image": "changed"}],
            "tolerations": [{"key": "other"}, {"key": "gpu", "operator": "Exists"}],
        },
    }
    assert live_inputs(inputs, live, known) == {
        "kind": "Pod",
        "spec": {
            "hostNetwork": False,
            "containers": [{"name": "app", "image": "changed", "resources": {"limits": {"cpu": "0.5"}}}],
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
        },
    }


def test_string_data_is_read_back_from_data() -> None:
    inputs = {"kind": "Secret", "stringData": {"a": Secret("x")}}
    known = {"kind": "Secret", "data": Secret({"a": "eA=="})}
    assert live_inputs(inputs, {"kind": "Secret", "data": {"a": "eA=="}}, known) == {
        "kind": "Secret",
        "stringData": {"a": "x"},
    }
    changed = live_inputs(inputs, {"kind": "Secret", "data": {"a": "eQ=="}}, known)
    assert changed["stringData"] == {"a": "y"}


@pytest.mark.parametrize("empty", [None, {}])
def test_equal_trees_have_no_difference(empty: Any) -> None:
    assert paths({"a": empty}, {"a": empty}) == {}
