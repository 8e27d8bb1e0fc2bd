import json
from pathlib import Path

import pytest

from toolchain.language_host.packages import (
    PluginFileError,
    direct_packages,
    installed_packages,
    normalize,
    plugin_version,
    required_plugins,
)


def install(folder: Path, name: str, version: str, *, plugin: object = None, requires: tuple[str, ...] = ()) -> None:
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    (info / "METADATA").write_text("\n".join(lines + [f"Requires-Dist: {name}" for name in requires]) + "\n")
    if plugin is not None:
        module = folder / name.replace("-", "_")
        module.mkdir()
        (module / "pulumi-plugin.json").write_text(plugin if isinstance(plugin, str) else json.dumps(plugin))


def found(folder: Path) -> dict[str, str]:
    return {package.name: package.version for package in required_plugins([str(folder)])}


def test_a_package_says_which_plugin_it_needs(tmp_path: Path) -> None:
    install(tmp_path, "pulumi-aws", "7.1.0", plugin={"resource": True, "name": "aws", "version": "7.1.2"})
    install(tmp_path, "requests", "2.0")
    assert found(tmp_path) == {"aws": "v7.1.2"}


def test_a_package_that_says_nothing_is_known_by_its_name_and_version(tmp_path: Path) -> None:
    install(tmp_path, "pulumi-random", "4.2b1")
    install(tmp_path, "pulumi-policy", "1.21.0")
    install(tmp_path, "pulumi", "3.1.0", plugin={"resource": False})
    assert found(tmp_path) == {"random": "v4.2.0-beta.1"}


def test_any_package_with_a_plugin_file_counts(tmp_path: Path) -> None:
    install(tmp_path, "acme-cloud", "1.0", plugin={"resource": True, "server": "https://acme.example/plugins"})
    (package,) = required_plugins([str(tmp_path)])
    assert (package.name, package.version, package.server) == (
        "acme-cloud",
        "v1.0.0",
        "https://acme.example/plugins",
    )


def test_a_parameterized_package_hands_on_its_parameter(tmp_path: Path) -> None:
    parameter = {"name": "netbox", "version": "1.2.3", "value": "aGVsbG8="}
    plugin = {"resource": True, "name": "terraform-provider", "version": "0.9.0", "parameterization": parameter}
    install(tmp_path, "pulumi-netbox", "1.2.3", plugin=plugin)
    (package,) = required_plugins([str(tmp_path)])
    assert package.parameterization.name == "netbox"
    assert package.parameterization.value == b"hello"


def test_a_damaged_plugin_file_is_named(tmp_path: Path) -> None:
    install(tmp_path, "pulumi-aws", "7.1.0", plugin="{")
    with pytest.raises(PluginFileError, match=r"pulumi_aws/pulumi-plugin\.json.*install pulumi-aws again"):
        required_plugins([str(tmp_path)])


@pytest.mark.parametrize(
    ("package", "plugin"),
    [
        ("1.0", "1.0.0"),
        ("1.2.3", "1.2.3"),
        ("1.2.3a4", "1.2.3-alpha.4"),
        ("1.2.3rc4", "1.2.3-rc.4"),
        ("1.2.3.post4", "1.2.3+post4"),
        ("1.2.3.post4.dev5", "1.2.3+post4dev5"),
        ("1!2.3", None),
        ("1.2.3+local", None),
        ("", None),
    ],
)
def test_versions_are_translated_as_the_official_host_does(package: str, plugin: str | None) -> None:
    assert plugin_version(package) == plugin


def test_direct_packages_are_those_that_nobody_asks_for(tmp_path: Path) -> None:
    install(tmp_path, "program-deps", "1", requires=("Lib_A>=2", "extra-only; extra == 'x'"))
    install(tmp_path, "lib-a", "2", requires=("lib.b",))
    install(tmp_path, "Lib_B", "3")
    install(tmp_path, "extra-only", "4")
    packages = installed_packages([str(tmp_path)])
    assert set(packages) == {"program-deps", "lib-a", "lib-b", "extra-only"}
    assert {package.name for package in direct_packages(packages)} == {"program-deps", "extra-only"}


def test_names_are_compared_as_indexes_do() -> None:
    assert normalize("Pulumi__AWS.Native") == "pulumi-aws-native"
