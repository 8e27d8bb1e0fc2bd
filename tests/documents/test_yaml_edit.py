"""Edits change what they are asked to and nothing else."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.yaml_edit import YamlEditError, append_item, remove_key, set_at, set_keys

TEXT = """# why this is here
name: acme  # the customer

stacks: [one]  # one to begin with
state: active   # so far
quotas:
  cpu: "4"
"""


def test_a_value_is_replaced_in_place() -> None:
    assert set_keys(TEXT, {"state": "suspended"}) == TEXT.replace("active ", "suspended ")


def test_a_new_key_goes_to_the_end() -> None:
    assert set_keys(TEXT, {"since": "2026-01-02"}) == TEXT + "since: 2026-01-02\n"


def test_a_key_s_line_is_removed() -> None:
    assert remove_key(TEXT, "state") == TEXT.replace("state: active   # so far\n", "")
    assert remove_key(TEXT, "none") == TEXT


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("stacks: [one]  # note\n", "stacks: [one, two]  # note\n"),
        ("stacks: [one,\n  uno]\n", "stacks: [one,\n  uno, two]\n"),
        ("stacks:\n  - one  # first\nname: x\n", "stacks:\n  - one  # first\n  - two\nname: x\n"),
        ("stacks:\n- one", "stacks:\n- one\n- two"),
    ],
)
def test_an_item_is_appended_in_the_list_s_own_style(before: str, after: str) -> None:
    assert append_item(before, "stacks", "two") == after


@pytest.mark.parametrize("text", ["[]", "text", ""])
def test_a_text_that_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(YamlEditError, match="no mapping"):
        set_keys(text, {"a": "1"})


def test_a_mapping_in_braces_stays_one() -> None:
    assert set_keys("{a: 1}", {"b": "2"}) == "{a: 1, b: 2}"
    assert set_keys("{}", {"b": "2"}) == "{b: 2}"
    with pytest.raises(YamlEditError, match="a has no line of its own"):
        remove_key("{a: 1}", "a")


def test_a_part_is_no_value() -> None:
    with pytest.raises(YamlEditError, match="quotas holds more than one value"):
        set_keys(TEXT, {"quotas": "1"})
    with pytest.raises(YamlEditError, match="no list with an item"):
        append_item(TEXT, "name", "1")
    with pytest.raises(YamlEditError, match="no list with an item"):
        append_item("stacks: []\n", "stacks", "1")


STACK = """# yaml-language-server
config:
  modelfleet:cloud: aws # where
  modelfleet:gpuPools:
    - name: l4
      sku: g6.xlarge # small
      rungs: [spot, on-demand]
"""


def test_a_value_deep_inside_is_replaced_and_nothing_else() -> None:
    changed = set_at(STACK, ("config", "modelfleet:gpuPools", 0, "sku"), "g6e.xlarge")
    assert changed == STACK.replace("g6.xlarge", "g6e.xlarge")
    changed = set_at(STACK, ("config", "modelfleet:gpuPools", 0, "rungs"), "[spot]")
    assert changed == STACK.replace("[spot, on-demand]", "[spot]")


def test_a_value_that_is_not_there_becomes_its_mappings_first() -> None:
    changed = set_at(STACK, ("config", "modelfleet:deleteData"), "true")
    assert changed == STACK.replace("config:\n", "config:\n  modelfleet:deleteData: true\n")
    assert set_at("{a: {b: 1}}", ("a", "c"), "2") == "{a: {c: 2, b: 1}}"


def test_a_path_without_a_place_is_refused() -> None:
    for path in (("config", "modelfleet:gpuPools", 1, "sku"), ("config", "nothing", "here"), ("config", "x", 0)):
        with pytest.raises(YamlEditError, match="has no place"):
            set_at(STACK, path, "1")
    with pytest.raises(YamlEditError, match="several lines"):
        set_at(STACK, ("config", "modelfleet:gpuPools"), "[]")


NAMES = st.text("abcdefgh", min_size=1, max_size=8)
CONTENTS = st.dictionaries(NAMES, st.one_of(NAMES, st.integers(), st.lists(NAMES, min_size=1)), min_size=1)


@settings(deadline=None, max_examples=40)
@given(CONTENTS, NAMES, st.booleans())
def test_an_edited_text_says_what_it_said_with_the_change(content: dict[str, object], key: str, flow: bool) -> None:
    text = yaml.safe_dump(content, default_flow_style=None if flow else False, sort_keys=False)
    value = content.get(key)
    if isinstance(value, list):
        assert yaml.safe_load(append_item(text, key, "new")) == {**content, key: [*value, "new"]}
    else:
        assert yaml.safe_load(set_keys(text, {key: "new"})) == {**content, key: "new"}
