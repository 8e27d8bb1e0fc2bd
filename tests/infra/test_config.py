"""What a stack file may say, and what a wrong one is told."""

import json
from pathlib import Path

import pytest

from infra.config import Cloud, SettingsError, from_pulumi, from_stack_file

ROOT = Path(__file__).parents[2]


def write(folder: Path, config: str) -> Path:
    file = folder / "Pulumi.test.yaml"
    file.write_text("config:\n" + config, encoding="utf-8")
    return file


def findings(folder: Path, config: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        from_stack_file(write(folder, config))
    return str(caught.value).splitlines()


@pytest.mark.parametrize("file", sorted(ROOT.glob("Pulumi.*.yaml")), ids=lambda file: file.name)
def test_every_stack_file_of_the_repository_is_right(file: Path) -> None:
    assert from_stack_file(file).cloud in Cloud


def test_a_misspelt_key_is_named_with_file_line_and_the_right_spelling(tmp_path: Path) -> None:
    assert findings(tmp_path, "  modelfleet:cloud: local\n  modelfleet:servng: {}\n") == [
        "Pulumi.test.yaml:3: modelfleet:servng: unknown key; did you mean 'serving'?"
    ]


def test_a_misspelt_inner_key_is_named_by_its_path(tmp_path: Path) -> None:
    config = "  modelfleet:cloud: local\n  modelfleet:serving:\n    replicsa: 2\n"
    assert findings(tmp_path, config) == [
        "Pulumi.test.yaml:4: modelfleet:serving.replicsa: unknown key; did you mean 'replicas'?"
    ]


def test_a_value_outside_of_its_set_lists_the_set(tmp_path: Path) -> None:
    assert findings(tmp_path, "  modelfleet:cloud: locl\n") == [
        "Pulumi.test.yaml:2: modelfleet:cloud: 'locl' is none of 'local', 'aws', 'azure' or 'gcp'"
    ]


def test_all_findings_come_at_once(tmp_path: Path) -> None:
    config = "  modelfleet:cloud: local\n  modelfleet:serving: {replicas: 0, memory: 2GB}\n"
    told = findings(tmp_path, config)
    assert len(told) == 2
    assert "modelfleet:serving.replicas" in told[0]
    assert "'2GB' is not an amount of memory" in told[1]


def test_a_missing_key_says_so(tmp_path: Path) -> None:
    assert findings(tmp_path, "  modelfleet:region: local\n") == ["Pulumi.test.yaml: modelfleet:cloud: is missing"]


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("  modelfleet:serving: {image: 'server:latest'}\n", "by digest"),
        ("  modelfleet:host: example.invalid\n", "host goes with kubeContext"),
        ("  modelfleet:serving: {gpus: 1}\n", "raise cluster.simulatedGpus"),
        ("  modelfleet:kubeContext: kind\n", "registry is missing"),
        ("  modelfleet:keys: [{id: a, tenant: x}, {id: a, tenant: y}]\n", "'a' is there twice"),
        ("  modelfleet:cluster: {name: Local}\n", "lower-case"),
    ],
)
def test_rules_say_what_would_be_right(tmp_path: Path, config: str, told: str) -> None:
    assert told in "\n".join(findings(tmp_path, "  modelfleet:cloud: local\n" + config))


def test_a_missing_file_names_the_stacks_that_there_are(tmp_path: Path) -> None:
    write(tmp_path, "  modelfleet:cloud: local\n")
    with pytest.raises(SettingsError, match="stacks here: test"):
        from_stack_file(tmp_path / "Pulumi.other.yaml")


@pytest.mark.parametrize("content", [b"config:\n  \xb6\xff", b"config:\n  a: \x07"])
def test_a_file_that_is_no_text_is_no_yaml(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"^Pulumi\.test\.yaml: not YAML: "):
        from_stack_file(file)


def test_a_file_that_is_no_yaml_is_told_by_line(tmp_path: Path) -> None:
    assert findings(tmp_path, "  modelfleet:cloud: [local\n")[0].startswith("Pulumi.test.yaml:3: not YAML")


def test_the_engine_s_strings_become_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = "  modelfleet:cloud: local\n  modelfleet:serving: {replicas: 2}\n"
    monkeypatch.setenv(
        "PULUMI_CONFIG",
        json.dumps({"modelfleet:cloud": "local", "modelfleet:serving": '{"replicas": 2}', "aws:region": "eu-west-1"}),
    )
    assert from_pulumi("test", tmp_path) == from_stack_file(write(tmp_path, config))
