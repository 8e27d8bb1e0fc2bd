"""Tenant files: read, written, and a tenant's life from its first day to the last."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents import SettingsError, YamlDocument
from tenants import Plan, Tenant, TenantError, TenantFolder, TenantState
from tenants.new_file import new_tenant_file
from tenants.plans import PLANS

DAY = date(2026, 3, 1)


@pytest.fixture
def folder(tmp_path: Path) -> TenantFolder:
    folder = TenantFolder(tmp_path)
    folder.write("acme", new_tenant_file("acme", plan=Plan.ENTERPRISE, stacks=["one"]))
    return folder


@pytest.mark.parametrize("plan", Plan)
def test_a_new_file_has_its_plan_s_amounts(tmp_path: Path, plan: Plan) -> None:
    tenant = TenantFolder(tmp_path).write("acme", new_tenant_file("acme", plan=plan, stacks=["one", "two"]))
    amounts = PLANS[plan]
    assert (tenant.plan, tenant.stacks, tenant.state) == (plan, ("one", "two"), TenantState.ACTIVE)
    assert (tenant.quotas, tenant.limits) == (amounts.quotas, amounts.limits)
    assert (tenant.priority, tenant.retention_days) == (amounts.priority, amounts.retention_days)


GROUPS = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1, max_size=30)


@settings(deadline=None, max_examples=30)
@given(st.lists(GROUPS, max_size=3), st.lists(st.sampled_from(["NO", "EU", "US"]), max_size=2))
def test_whatever_is_asked_for_is_what_the_file_says(groups: list[str], residency: list[str]) -> None:
    text = new_tenant_file("acme", plan=Plan.TRIAL, stacks=["one"], admins=groups, residency=residency)
    tenant = Tenant.model_validate(YamlDocument.parse(text, "acme.yaml").content)
    assert (list(tenant.admins), list(tenant.residency)) == (groups, residency)


def test_tenants_are_read_by_stack(folder: TenantFolder) -> None:
    folder.write("globex", new_tenant_file("globex", plan=Plan.TRIAL, stacks=["two"]))
    assert [tenant.name for tenant in folder.all()] == ["acme", "globex"]
    assert [tenant.name for tenant in folder.of_stack("two")] == ["globex"]
    assert folder.of_stack("three") == ()


def test_a_stack_that_isn_t_there_is_told(folder: TenantFolder) -> None:
    assert folder.hosted_nowhere(["one", "two"]) == []
    (finding,) = folder.hosted_nowhere(["two"])
    lines = folder.file_of("acme").read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.startswith("stacks:"))
    assert str(finding) == f"tenants/acme.yaml:{line}: stacks[0]: 'one' is no stack; stacks here: two"


def test_a_repository_without_tenants_has_none(tmp_path: Path) -> None:
    assert TenantFolder(tmp_path).all() == ()


def test_all_wrong_files_are_told_at_once(folder: TenantFolder) -> None:
    for name in ("beta", "gamma"):
        folder.file_of(name).write_text(f"name: {name}\nstacks: [one]\npln: trial\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        folder.all()
    assert str(caught.value).splitlines() == [
        f"tenants/{name}.yaml:3: pln: unknown key; did you mean 'plan'?" for name in ("beta", "gamma")
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("name: other", "'other' is not the file's name"),
        ("stacks: []", "stacks"),
        ("residency: [Europe]", "'Europe' is no country or area"),
        ("priority: 1000000", "priority"),
        ("state: suspended", "suspendedSince is missing"),
        ("suspendedSince: 2026-01-01", "suspendedSince is for suspended tenants"),
        ("quotas: {memory: 2GB}", "'2GB' is not an amount of memory"),
        ("domain: https://acme.example", "is not a host name"),
        ("budget: {monthlyUsd: 0, contacts: [a@b.example]}", "budget.monthlyUsd"),
    ],
)
def test_a_wrong_value_is_told(folder: TenantFolder, line: str, told: str) -> None:
    key = line.split(":", maxsplit=1)[0]
    lines = [kept for kept in ("name: acme", "stacks: [one]") if not kept.startswith(f"{key}:")]
    before = folder.file_of("acme").read_text(encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        folder.write("acme", "\n".join([*lines, line]) + "\n")
    assert told in str(caught.value)
    assert folder.file_of("acme").read_text(encoding="utf-8") == before


def test_an_unknown_tenant_names_the_known_ones(folder: TenantFolder) -> None:
    with pytest.raises(TenantError, match=r"tenants/globex\.yaml is not there; tenants here: acme"):
        folder.get("globex")


def test_edits_keep_what_people_wrote(folder: TenantFolder) -> None:
    file = folder.file_of("acme")
    file.write_text("# signed in May\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    before = file.read_text(encoding="utf-8")
    folder.suspend("acme", DAY)
    suspended = file.read_text(encoding="utf-8")
    assert suspended == before + "state: suspended\nsuspendedSince: 2026-03-01\n"
    assert folder.resume("acme").state is TenantState.ACTIVE
    assert file.read_text(encoding="utf-8") == before + "state: active\n"
    assert folder.add_stack("acme", "two").stacks == ("one", "two")
    assert file.read_text(encoding="utf-8") == before.replace("[one]", "[one, two]") + "state: active\n"


def test_a_stack_is_added_once(folder: TenantFolder) -> None:
    with pytest.raises(TenantError, match="one hosts acme already"):
        folder.add_stack("acme", "one")


def test_removal_takes_a_suspension_its_retention_and_two_steps(folder: TenantFolder) -> None:
    end = DAY + timedelta(days=PLANS[Plan.ENTERPRISE].retention_days)
    with pytest.raises(TenantError, match="acme is active: `fleet tenant suspend acme` first"):
        folder.let_leave("acme", DAY)
    with pytest.raises(TenantError, match="its data is protected still"):
        folder.forget("acme")

    tenant = folder.suspend("acme", DAY)
    assert tenant.removable_from == end
    assert not tenant.data_deletable
    with pytest.raises(TenantError, match=f"it can be removed from {end} on"):
        folder.let_leave("acme", end - timedelta(days=1))
    with pytest.raises(TenantError, match="its data is protected still"):
        folder.forget("acme")

    assert folder.let_leave("acme", end).data_deletable
    with pytest.raises(TenantError, match="acme is leaving, not suspended"):
        folder.resume("acme")
    assert folder.forget("acme").stacks == ("one",)
    assert folder.all() == ()


def test_a_suspended_tenant_is_suspended_once(folder: TenantFolder) -> None:
    folder.suspend("acme", DAY)
    with pytest.raises(TenantError, match="acme is suspended since 2026-03-01"):
        folder.suspend("acme", DAY + timedelta(days=1))


@pytest.mark.parametrize("change", [lambda folder: folder.add_stack("acme", "two")])
def test_a_file_that_can_t_be_edited_is_left_to_its_owner(
    folder: TenantFolder, change: Callable[[TenantFolder], object]
) -> None:
    text = "name: acme\nstacks: &hosts [one]\n"
    folder.file_of("acme").write_text(text.replace("stacks: &hosts [one]", "<<: {stacks: [one]}"), encoding="utf-8")
    with pytest.raises(TenantError, match="edit it by hand"):
        change(folder)
