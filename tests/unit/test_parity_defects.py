"""The parity contract finds the defects seeded for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.harness import defects, planner
from tests.harness.defects import Defect
from tests.unit import parity_contract as contract

SEEDED = [defect for defect in defects.load() if defect.contract == "parity"]


@pytest.mark.parametrize("defect", SEEDED, ids=lambda defect: defect.id)
def test_parity_finds_a_seeded_defect(
    foreseen_session: planner.Session, defect: Defect, tmp_path: Path
) -> None:
    module = defects.seeded(defect, tmp_path)
    held = dataclasses.replace(foreseen_session, source={defect.stack.name: module})
    only = contract.concerned(defect.stack, defect.inputs)
    found = contract.outcomes(held, defect.stack, clauses=[defect.clause], only=only)
    assert [str(outcome) for outcome in found if outcome.verdict == "broken"] != []


def test_every_clause_has_a_seeded_defect() -> None:
    assert {defect.clause for defect in SEEDED} == set(contract.CLAUSES)
