"""Every contract passes for valid inputs, and finds the defects that are seeded for it."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.harness.contracts import defects, run
from tests.harness.contracts.base import counted, subject
from tests.harness.contracts.defects import Defect
from tests.harness.contracts.properties import CONTRACTS
from tests.harness.contracts.properties.names import shared
from tests.harness.contracts.properties.tags import defaults, untagged
from tests.harness.contracts.whole_module import MODULE_CONTRACTS
from tests.harness.inputs import batches, handwritten, legal
from tests.harness.inputs.batches import Block
from tests.harness.inputs.legal import Values
from tests.harness.paths import ROOT
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning
from tests.plugins.sessions import Sessions

# Cases a stack by hypothesis's profile (conftest.py). More than the rows of the covering arrays.
SIZES = {
    "ci": {"aws": 224, "gcp": 288},
    "nightly": {"aws": 2000, "gcp": 3200},
    "replay": {"aws": 0, "gcp": 0},
}
PROFILE = hypothesis.settings.get_current_profile_name()
BLOCKS = [
    block for name, cases in SIZES[PROFILE].items() for block in batches.blocks(STACKS[name], cases)
]
KEPT = batches.corpus_files()
SEEDED = defects.load()


@functools.cache
def rows(stack: str) -> list[Values]:
    space = handwritten.space(stack)
    return list(legal.pairwise(space, legal.closed_sets(space)))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.id)
def test_contracts_pass_for_valid_inputs(
    sessions: Sessions,
    block: Block,
    record_property: Callable[[str, object], None],
    contract_seed: int,
) -> None:
    session = sessions(block.release, resolved=block.resolved)
    space = handwritten.space(block.stack.name)
    covering = rows(block.stack.name)
    cases = batches.block_inputs(block, space, covering, contract_seed)
    first = block.number * batches.BLOCK
    for row, inputs in zip(covering[first : first + batches.BLOCK], cases, strict=False):
        assert {name: inputs.get(name) for name in row} == row
    counts: Counter[tuple[str, str, str]] = Counter()
    subjects = []
    for inputs, result in batches.plan_inputs(session, block.stack, cases):
        planned, outcomes = run.outcomes_of(session, block.stack, inputs, result)
        failed = run.failures(session, outcomes)
        assert not failed, run.explanation(session, block.stack, inputs, failed)
        assert planned is not None
        subjects.append(planned)
        for name, outcomes_of_contract in outcomes.items():
            counts += Counter({(name, *key): n for key, n in counted(outcomes_of_contract).items()})
    taken = [str(outcome) for outcome in shared(subjects) if outcome.verdict == "failed"]
    assert taken == []
    distinct = {json.dumps(inputs, sort_keys=True) for inputs in cases}
    record_property("contract_outcomes", [[*key, number] for key, number in counts.items()])
    record_property("planned_cases", [block.stack.name, len(distinct)])
    record_property("untagged", dict(Counter(t for planned in subjects for t in untagged(planned))))


@pytest.mark.parametrize("resolved", [False, True], ids=["plain", "resolved"])
@pytest.mark.parametrize("release", ["oldest", "newest"])
@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.name.removesuffix(".tfvars.json"))
def test_contracts_pass_for_the_corpus(
    sessions: Sessions, path: Path, release: str, resolved: bool
) -> None:
    session = sessions(release, resolved=resolved)
    stack = STACKS[path.name.split("-", 1)[0]]
    inputs = json.loads(path.read_text())
    result = planning.plan(session, planning.Case(path.name, stack.name, inputs))
    _, outcomes = run.outcomes_of(session, stack, inputs, result)
    commands = "\n".join(batches.replay_commands(path))
    assert run.failures(session, outcomes) == {}, f"replay alone:\n{commands}"


# ---- What is drawn ----


@pytest.mark.parametrize("name", sorted(STACKS))
def test_every_input_has_a_strategy(name: str) -> None:
    assert legal.inputs_without_strategy(handwritten.space(name), STACKS[name].smallest) == {}


@pytest.mark.parametrize("name", sorted(STACKS))
def test_unread_rule_has_a_handwritten_condition(name: str) -> None:
    owners = {where.split(" ")[0] for where in handwritten.space(name).module.unread}
    assert owners <= set(handwritten.REPLACED_PRECONDITIONS), (
        "give it a condition in tests/harness/inputs/handwritten.py"
    )


def test_read_rule_has_no_handwritten_condition() -> None:
    unread = {w.split(" ")[0] for name in STACKS for w in handwritten.space(name).module.unread}
    assert set(handwritten.REPLACED_PRECONDITIONS) <= unread


@pytest.mark.skipif(PROFILE == "replay", reason="the replay profile draws nothing")
@pytest.mark.parametrize("name", sorted(STACKS))
def test_every_pair_of_closed_inputs_is_drawn(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    space = handwritten.space(name)
    sets = legal.closed_sets(space)
    switches = {n for n, i in space.module.inputs.items() if i.type == legal.BOOL}
    assert switches <= set(sets)
    covered = rows(name)
    assert len(covered) <= SIZES[PROFILE][name], "raise SIZES: a row is a case"
    expected = list(legal.pairs(sets))
    impossible = legal.impossible_pairs(space, sets)
    missed = [
        pair
        for pair in expected
        if pair not in impossible and not any(pair.items() <= row.items() for row in covered)
    ]
    assert missed == []
    # Terraform itself must refuse what is taken for impossible, whatever else is drawn.
    assert impossible == handwritten.IMPOSSIBLE_PAIRS[name]
    record_property("pairs", [name, len(expected) - len(impossible)])


def test_readme_states_the_number_of_drawn_inputs() -> None:
    text = (ROOT / "README.md").read_text()
    assert f"with {sum(SIZES['ci'].values())} sets of valid inputs" in text
    assert f"draws {sum(SIZES['nightly'].values())}." in text


@pytest.mark.parametrize("name", sorted(STACKS))
def test_impossible_pair_is_refused(session: planning.Session, name: str) -> None:
    for pair in handwritten.IMPOSSIBLE_PAIRS[name]:
        inputs = {**STACKS[name].smallest, **pair}
        result = planning.plan(session, planning.Case("impossible", name, inputs))
        assert result.errors, f"{pair} planned"


# ---- Default tags of the provider ----


@pytest.mark.parametrize("name", sorted(STACKS))
def test_default_tags_rank_below_the_stack_tags(
    resolved_session: planning.Session, name: str
) -> None:
    stack = STACKS[name]
    defaults_of_provider = {"managed-by": "provider", "owner": "platform"}
    blocks: Mapping[str, Mapping[str, Any]] = {
        "aws": {"default_tags": {"tags": defaults_of_provider}},
        "gcp": {"default_labels": defaults_of_provider},
    }
    extra = {
        "provider": {
            stack.provider: {
                "alias": "tagged",
                **stack.provider_block(stack.scope[1]),
                **blocks[name],
            }
        }
    }
    meta = {"providers": {stack.provider: f"{stack.provider}.tagged"}}
    inputs = {**stack.smallest, {"aws": "tags", "gcp": "labels"}[name]: {"team": "llm"}}
    case = planning.Case("defaults", name, inputs, root="call", meta=meta, extra=extra)
    result = planning.plan(resolved_session, case)
    assert result.plan is not None, str(result)
    assert result.diagnostics == (), str(result)
    planned = subject(resolved_session, stack, inputs, result.plan.within("module.litellm"))
    outcomes = list(defaults(planned, defaults_of_provider))
    assert len(outcomes) > 10
    assert [str(o) for o in outcomes if o.verdict != "passed"] == []


# ---- Seeded defects ----


@pytest.mark.parametrize("defect", SEEDED, ids=lambda defect: defect.id)
def test_seeded_defect_fails_its_contract(
    resolved_session: planning.Session,
    defect: Defect,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    module = defects.seeded(defect, tmp_path)
    session = dataclasses.replace(resolved_session, source={defect.stack.name: module})
    outcomes = list(run.defect_outcomes(session, defect))
    clauses = {outcome.clause for outcome in outcomes if outcome.verdict != "passed"}
    assert defect.clause in clauses, (
        f"outcomes {[str(o) for o in outcomes if o.verdict != 'passed'][:5]}"
    )
    record_property("seeded_defects", 1)


def test_every_contract_and_cloud_has_seeded_defects() -> None:
    assert len(SEEDED) >= 60
    contracts = {*CONTRACTS, *MODULE_CONTRACTS}
    spread = {(defect.contract, defect.stack.name) for defect in SEEDED}
    assert spread == {(contract, stack) for contract in contracts for stack in STACKS}


@pytest.mark.parametrize("name", sorted({*CONTRACTS, *MODULE_CONTRACTS}))
def test_every_clause_has_a_seeded_defect(name: str) -> None:
    seeded = {defect.clause for defect in SEEDED if defect.contract == name}
    contract = CONTRACTS[name] if name in CONTRACTS else MODULE_CONTRACTS[name]
    assert seeded == set(contract.clauses)
