"""API keys: every tenant has one, a suspended one's opens nothing, and no cloud has the demo's."""

from collections.abc import Callable
from pathlib import Path

from infra.config import StackSettings, from_stack_file

Load = Callable[..., StackSettings]
Told = Callable[..., list[str]]
WriteTenant = Callable[..., None]


def ids(settings: StackSettings) -> list[tuple[str, str]]:
    return [(key.id, key.tenant) for key in settings.api_keys]


def test_a_local_stack_has_the_demo_s_key(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text("config:\n  modelfleet:cloud: local\n", encoding="utf-8")
    assert ids(from_stack_file(file)) == [("demo", "demo")]


def test_a_cloud_has_no_demo_s_key(load: Load) -> None:
    assert ids(load()) == []


def test_each_tenant_has_a_key(load: Load, tenant: WriteTenant) -> None:
    tenant("acme")
    tenant("globex")
    assert ids(load()) == [("acme", "acme"), ("globex", "globex")]
    assert ids(load(keys=[{"id": "acme-ci", "tenant": "acme"}])) == [("acme-ci", "acme"), ("globex", "globex")]


def test_a_key_is_a_hosted_tenant_s(told: Told, tenant: WriteTenant) -> None:
    tenant("acme")
    (finding,) = told(keys=[{"id": "one", "tenant": "globex"}])
    assert finding.startswith("modelfleet:keys[0].tenant: no tenant 'globex' names this stack")


def test_a_key_s_id_isn_t_another_tenant_s(told: Told, tenant: WriteTenant) -> None:
    tenant("acme")
    tenant("globex")
    (finding,) = told(keys=[{"id": "globex", "tenant": "acme"}])
    assert finding.startswith("modelfleet:keys[0].id: 'globex' is the id of the key that tenant globex gets")


def test_a_suspended_tenant_s_key_stays_but_opens_nothing(load: Load, tenant: WriteTenant) -> None:
    tenant("acme", state="suspended", suspendedSince="2026-01-01")
    settings = load()
    assert ids(settings) == [("acme", "acme")]
    assert not settings.serves("acme")
    assert settings.serves("demo")
