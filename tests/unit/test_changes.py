"""The table of what changing an input does has every input, and is what the plans show."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from tests.harness.contracts import changes, parity
from tests.harness.hcl import declarations
from tests.harness.paths import ROOT
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning

STACK = pytest.mark.parametrize("stack", sorted(STACKS))


@STACK
def test_every_input_has_an_effect(stack: str) -> None:
    assert set(changes.rows()[stack]) == set(declarations.variables(STACKS[stack].folder))
    assert {row.does for row in changes.rows()[stack].values()} <= set(changes.KINDS)


@STACK
def test_effect_is_what_the_plans_show(resolved_session: planning.Session, stack: str) -> None:
    observed = changes.observed(resolved_session, STACKS[stack])
    rows = changes.rows()[stack]
    # Another test shows the effect, or no plan shows an input that only helps Terraform to plan.
    shown = {name for name, row in rows.items() if not row.test and name in observed}
    assert {name: rows[name].does for name in shown} == {name: observed[name] for name in shown}
    assert {name for name, row in rows.items() if name not in observed} <= {
        "create_network",
        "enable_tls",
        "enable_waf",
    }


@STACK
def test_effects_have_the_plans_of_the_parity_table(
    resolved_session: planning.Session, stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The cache knows a batch by all of its cases.
    class AskedError(Exception):
        pass

    def ask(_session: object, _stack: object, cases: Mapping[str, object]) -> None:
        raise AskedError([*cases.items()])

    monkeypatch.setattr(planning, "plan_batch", ask)
    with pytest.raises(AskedError) as of_table:
        list(parity.outcomes(resolved_session, STACKS[stack]))
    with pytest.raises(AskedError) as of_effects:
        changes.observed(resolved_session, STACKS[stack])
    assert of_effects.value.args == of_table.value.args


@STACK
def test_effect_without_a_plan_names_its_test(stack: str) -> None:
    texts = "".join(path.read_text() for path in (ROOT / "tests").glob("*/test_*.py"))
    tests = set(re.findall(r"^def (test_\w+)", texts, re.MULTILINE))
    rows = changes.rows()[stack]
    assert {row.test for row in rows.values() if row.test} <= tests
    late = {n for n, row in rows.items() if row.does in ("refused", "first apply") and not row.test}
    assert late == set()
