"""The parity table describes what the two modules declare and change."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.harness.contracts import parity, parity_effects, parity_rows
from tests.harness.contracts.base import Outcome
from tests.harness.paths import PARITY
from tests.harness.plan import semantic_diff
from tests.harness.plan.view import Plan
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning

STACK = pytest.mark.parametrize("stack", sorted(STACKS))
# A cell without inputs has no effect.
ROWS = [
    pytest.param(
        stack, row.capability, id=f"{stack}-{re.sub('[^a-z]+', '-', row.capability.lower())}"
    )
    for stack in STACKS
    for row in parity_effects.load().rows
    if row.inputs[stack]
]
ROW = pytest.mark.parametrize(("stack", "capability"), ROWS)

Looked = Callable[[str], list[Outcome]]


@pytest.fixture(scope="module")
def declared(resolved_session: planning.Session) -> Looked:
    """The outcomes of the static clauses of a stack."""

    @functools.cache
    def look(stack: str) -> list[Outcome]:
        outcomes = parity.outcomes(resolved_session, STACKS[stack], clauses=parity.STATIC)
        return list(outcomes)

    return look


@pytest.fixture(scope="module")
def behaved(resolved_session: planning.Session) -> Looked:
    """The outcomes of the planned clauses of a stack, planned once."""

    @functools.cache
    def look(stack: str) -> list[Outcome]:
        clauses = set(parity.CLAUSES) - parity.STATIC
        return list(parity.outcomes(resolved_session, STACKS[stack], clauses=clauses))

    return look


def failures(outcomes: list[Outcome], clause: str, where: str = "") -> list[str]:
    """The failures of a clause, which must have outcomes."""
    checked = [o for o in outcomes if o.clause == clause and belongs(o, where)]
    assert checked, f"no outcome for {clause} {where}"
    return [str(outcome) for outcome in checked if outcome.verdict != "passed"]


def belongs(outcome: Outcome, where: str) -> bool:
    """Whether an outcome belongs to a capability, for any of its effects."""
    rest = outcome.where.removeprefix(where)
    return not where or (rest != outcome.where and rest[:2] in ("", ": ", " ("))


# ---- What is declared ----


@STACK
def test_named_input_exists(declared: Looked, stack: str) -> None:
    assert failures(declared(stack), "declared") == []


@STACK
def test_input_has_the_type_of_its_row(declared: Looked, stack: str) -> None:
    assert failures(declared(stack), "type") == []


@STACK
def test_input_has_the_default_of_its_row(declared: Looked, stack: str) -> None:
    assert failures(declared(stack), "default") == []


@STACK
def test_only_secret_inputs_are_sensitive(declared: Looked, stack: str) -> None:
    assert failures(declared(stack), "secret") == []


@STACK
def test_every_input_has_a_row_or_a_difference(declared: Looked, stack: str) -> None:
    assert failures(declared(stack), "listed") == []


@STACK
def test_every_row_and_input_has_an_effect(declared: Looked, stack: str) -> None:
    assert failures(declared(stack), "exercised") == []


# ---- What is planned ----


@ROW
def test_row_changes_its_parts(behaved: Looked, stack: str, capability: str) -> None:
    assert failures(behaved(stack), "changes", capability) == []


@ROW
def test_row_changes_nothing_else(behaved: Looked, stack: str, capability: str) -> None:
    assert failures(behaved(stack), "nothing-else", capability) == []


@STACK
def test_safe_value_is_the_default_and_protects(behaved: Looked, stack: str) -> None:
    assert failures(behaved(stack), "polarity") == []


@STACK
def test_listed_difference_exists(behaved: Looked, stack: str) -> None:
    assert failures(behaved(stack), "difference") == []


# ---- Reading and comparing ----


def edited(tmp_path: Path, old: str, new: str) -> Path:
    """The parity data with one text in place of another."""
    text = PARITY.read_text()
    assert text.count(old) == 1
    path = tmp_path / "parity.yaml"
    path.write_text(text.replace(old, new))
    return path


def test_row_gives_inputs_with_values_and_notes() -> None:
    rows = {row.capability: row.inputs["aws"] for row in parity_effects.load().rows}
    (tags,) = rows["Per-deployment tags / labels"]
    assert (tags.pattern, tags.type) == ("tags", "map(string)")
    switch, url = rows["Existing database, or none"]
    assert (switch.value, switch.secret, url.value, url.secret) == ("false", False, "", True)
    assert rows["Extra secret-backed env"][-1].note == "ARNs"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("capability: UI admin password", "what: UI admin password", "write capability, aws, gcp"),
        ("    gcp: [project, region]\n", "", "'Region and project' has the keys"),
        ("aws: [{input: tags, type: map(string)}]", "aws: [{name: tags}]", "write input and some"),
        ("aws: [{input: tags, type: map(string)}]", "aws: [{input: tags, kind: map}]", "'kind'"),
    ],
)
def test_malformed_row_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(parity_rows.ParityError, match=rf"parity\.yaml.*{re.escape(message)}"):
        parity_effects.load(edited(tmp_path, old, new))


def test_readme_states_the_safe_value_of_each_switch() -> None:
    text = parity_rows.rendered()
    assert "- AWS: `skip_final_snapshot` protects data when it is `false`." in text
    assert "- GCP: `cloudsql_deletion_protection` protects data when it is `true`." in text


def test_effect_with_an_unknown_part_is_refused() -> None:
    expected = parity_effects.Expected("memory of the world")
    with pytest.raises(parity_effects.EffectError, match="'memory of the world' fits 0 names"):
        parity_effects.load().matcher(STACKS["aws"], expected)


def plan_of(**resources: Mapping[str, object]) -> Plan:
    """A plan of resources of a type each, by name, with these values."""
    return Plan(
        {
            "resource_changes": [
                {
                    "address": f"{name}.this",
                    "mode": "managed",
                    "type": name,
                    "name": "this",
                    "change": {"actions": ["create"], "after": values},
                }
                for name, values in resources.items()
            ]
        }
    )


def test_resolved_id_is_compared_as_its_address() -> None:
    def planned(mark: str) -> semantic_diff.Meaning:
        network = {"id": f"id-{mark}", "arn": f"arn:aws:vpc:us-east-1:123456789012:arn/{mark}"}
        policy = json.dumps({"Statement": [{"Sid": "A", "Resource": network["arn"]}]})
        user = {"vpc_id": network["id"], "subnets": ["x", network["id"]], "policy": policy}
        return semantic_diff.meaning(plan_of(network=network, user=user))

    assert semantic_diff.changes(planned("01234567"), planned("fedcba98")) == ()


def test_json_text_is_compared_by_container_and_variable() -> None:
    def planned(*names: str) -> semantic_diff.Meaning:
        entries = [{"name": name, "value": "1"} for name in names]
        document = json.dumps([{"name": "gateway", "environment": entries}])
        return semantic_diff.meaning(plan_of(task={"container_definitions": document}))

    (change,) = semantic_diff.changes(planned("B", "C"), planned("A", "C", "B"))
    assert change.path == "container_definitions.gateway.environment.A.value"
    assert (change.kind, change.before, change.after) == ("changed", None, "1")


def test_added_or_removed_resource_is_one_change() -> None:
    small, large = plan_of(a={"x": 1}), plan_of(a={"x": 1}, b={"y": 2, "z": 3})
    forth = semantic_diff.changes(semantic_diff.meaning(small), semantic_diff.meaning(large))
    back = semantic_diff.changes(semantic_diff.meaning(large), semantic_diff.meaning(small))
    assert [(c.kind, c.address) for c in (*forth, *back)] == [
        ("added", "b.this"),
        ("removed", "b.this"),
    ]


def test_difference_without_a_check_is_refused(tmp_path: Path) -> None:
    path = edited(
        tmp_path,
        "by a peering, one for each network\n    only: gcp",
        "by a peering, one for each network",
    )
    with pytest.raises(parity_effects.EffectError, match="'`create_psa_connection`': no check"):
        parity_effects.load(path)


def test_set_input_without_a_change_is_refused(tmp_path: Path) -> None:
    old = "set: {gateway_num_workers: 3}"
    path = edited(tmp_path, old, "set: {gateway_num_workers: 3, db_name: a}")
    with pytest.raises(
        parity_effects.EffectError, match="db_name is in only one of `set` and `changes`"
    ):
        parity_effects.load(path)
