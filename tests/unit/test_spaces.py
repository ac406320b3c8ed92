"""Strategies are derived from the declarations of a module: valid and invalid inputs, pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.harness.cli.plan import main
from tests.harness.contracts import refusals
from tests.harness.contracts.whole_module import refused, violations
from tests.harness.inputs import batches, handwritten, illegal, legal
from tests.harness.inputs import rules as input_rules
from tests.harness.inputs.domains import NoStrategy
from tests.harness.inputs.legal import Space
from tests.harness.inputs.rules import Module, broken_rules
from tests.harness.paths import CORPUS
from tests.harness.stacks import STACKS
from tests.harness.terraform import cache, planning

BOTH = pytest.mark.parametrize("name", sorted(STACKS))

VARIABLES = """
variable "mode" {
  type    = string
  default = "slow"
  validation {
    condition     = contains(["slow", "fast", "off"], var.mode)
    error_message = "mode must be slow, fast or off; got ${var.mode}. Choose one."
  }
}
variable "enabled" {
  type    = bool
  default = null
}
variable "port" {
  type    = number
  default = 80
  validation {
    condition     = var.port >= 1 && var.port < 65536 && floor(var.port) == var.port
    error_message = "port must be a whole number from 1 to 65535; got ${var.port}. Choose one."
  }
  validation {
    condition     = var.mode != "off" || var.port == 80
    error_message = "port must be 80 with mode off; got ${var.port}. Change one of the two."
  }
}
variable "rules" {
  type = list(object({
    name    = string
    weight  = optional(number, 1)
    targets = optional(list(string))
    nested  = optional(object({ on = bool, tags = map(string) }))
  }))
  default = []
  validation {
    condition     = length(var.rules) <= 3
    error_message = "rules must have at most 3 entries; got ${length(var.rules)}. Remove some."
  }
}
variable "names" {
  type    = set(string)
  default = ["a"]
  validation {
    condition = (
      length(var.names) >= 1 && alltrue([for n in var.names : can(regex("^[a-z]{1,4}$", n))])
    )
    error_message = "names must be words; got ${jsonencode(var.names)}. Rename the invalid one."
  }
}
variable "pair" {
  type    = tuple([string, number])
  default = ["a", 1]
}
"""


def module_of(folder: Path, text: str) -> Module:
    (folder / "variables.tf").write_text(text)
    return input_rules.read(folder)


def test_new_variable_is_drawn_without_a_strategy(tmp_path: Path) -> None:
    space = Space(module_of(tmp_path, VARIABLES))
    assert legal.inputs_without_strategy(space, {}) == {}
    drawn = legal.draw_values(legal.valid_inputs(space, {}), 200, 1)
    assert [broken_rules(space.module, values) for values in drawn] == [[]] * len(drawn)
    assert {name for values in drawn for name in values} == set(space.module.inputs)
    assert {values.get("mode") for values in drawn} == {None, "slow", "fast", "off"}
    rules = [rule for values in drawn for rule in values.get("rules", ())]
    assert {key for rule in rules for key in rule} == {"name", "weight", "targets", "nested"}
    assert [rule for rule in rules if "name" not in rule] == []
    assert any("weight" not in rule for rule in rules)
    assert {len(values.get("rules", ())) for values in drawn} == {0, 1, 2, 3}


def test_each_rule_of_a_new_variable_is_violated_alone(tmp_path: Path) -> None:
    module = module_of(tmp_path, VARIABLES)
    assert len(module.rules) == 5
    for rule in module.rules:
        invalid = illegal.invalid_inputs(module, rule, [{}], {}, 2)
        assert invalid, str(rule)
        assert broken_rules(module, invalid[0]) == [rule]


def test_pairs_of_new_closed_inputs_are_covered(tmp_path: Path) -> None:
    space = Space(module_of(tmp_path, VARIABLES))
    sets = legal.closed_sets(space)
    assert sets == {"mode": ["slow", "fast", "off"], "enabled": [None, False, True]}
    rows = legal.pairwise(space, sets)
    missed = [p for p in legal.pairs(sets) if not any(p.items() <= r.items() for r in rows)]
    assert missed == []


@pytest.mark.parametrize(
    ("condition", "kind"),
    [
        ('length(join("", [var.x])) > 2', "string"),
        ("try(tonumber(var.x) > 2, false)", "string"),
        ('can(regex("^\\\\p{L}$", var.x))', "string"),
        ("can(keys(var.x))", "any"),
    ],
)
def test_rule_without_a_strategy_is_named(tmp_path: Path, condition: str, kind: str) -> None:
    text = f"""
    variable "x" {{
      type    = {kind}
      default = null
      validation {{
        condition     = {condition}
        error_message = "x must be other; got one. Change it."
      }}
    }}
    """
    space = Space(module_of(tmp_path, text))
    (reason,) = legal.inputs_without_strategy(space, {}).values()
    assert reason.startswith(("x (variables.tf:5): ", "a Unicode character class"))
    with pytest.raises(NoStrategy):
        legal.draw_values(legal.valid_inputs(space, {}), 50, 1)


def test_handwritten_inputs_obey_the_rules(tmp_path: Path) -> None:
    module = module_of(tmp_path, VARIABLES)
    space = Space(module, {"mode": lambda _inputs: st.sampled_from(["fast", "odd"])})
    drawn = legal.draw_values(legal.valid_inputs(space, {}), 60, 1)
    assert {values.get("mode") for values in drawn} == {None, "fast"}


@BOTH
def test_seed_determines_the_drawn_inputs(name: str) -> None:
    space = handwritten.space(name)
    first, repeated, other = (
        legal.draw_value(legal.valid_inputs(space, {}), seed) for seed in (1, 1, 2)
    )
    assert first == repeated
    assert first != other


def test_failure_is_shrunk() -> None:
    stack = STACKS["gcp"]
    space = handwritten.space("gcp")
    failing = legal.draw_value(legal.valid_inputs(space, {"create_database": False}), 3)
    assert len(failing) > 12

    def fails(candidate: dict[str, Any]) -> bool:
        return candidate.get("create_database") is False and candidate["tenant"] != ""

    smallest = batches.shrink(space, failing, fails, stack.smallest)
    assert smallest == {**stack.smallest, "create_database": False}


def test_failure_is_written_with_its_replay_commands(tmp_path: Path) -> None:
    inputs = {**STACKS["aws"].smallest, "tags": {"é": "ü"}}
    path = batches.write_to_corpus(STACKS["aws"], "tags", inputs, tmp_path)
    assert batches.corpus_files(tmp_path) == [path]
    assert json.loads(path.read_text()) == inputs
    in_corpus = CORPUS / path.name
    checks, plans = batches.replay_commands(in_corpus)
    assert path.name.removesuffix(".tfvars.json") in checks
    assert plans == f"tox -e plan -- aws tests/data/corpus/{path.name}"


# ---- Invalid inputs of the stacks ----


@BOTH
def test_invalid_input_is_refused_with_rule_and_remedy(
    session: planning.Session, name: str
) -> None:
    outcomes = list(refused(session, STACKS[name]))
    assert len(outcomes) > 400
    assert [str(outcome) for outcome in outcomes if outcome.verdict != "passed"] == []


@BOTH
def test_every_rule_has_an_invalid_value(name: str) -> None:
    module = handwritten.space(name).module
    invalid = violations(name, 1)
    out_of_reach = refusals.data()["out_of_reach"][name]
    owners = {rule.owner for rule in module.rules} - set(out_of_reach)
    assert {rule.owner for rule, cases in invalid.items() if cases} == owners


@BOTH
def test_unreachable_rule_is_not_reached(name: str) -> None:
    module = handwritten.space(name).module
    for owner in refusals.data()["out_of_reach"][name]:
        (rule,) = (r for r in module.rules if r.owner == owner)
        assert illegal.invalid_inputs(module, rule, [STACKS[name].smallest], {}, 1) == []


@BOTH
def test_rebuild_with_a_wrong_call_writes_nothing(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = cache.digest([STACKS[name].folder])
    for rule, cases in list(violations(name, 1).items())[::40]:
        assert main([name, "--inputs", json.dumps(cases[0])]) == 1, str(rule)
        shown = capfd.readouterr()
        assert "Traceback" not in shown.out + shown.err
        assert "Refused: " in shown.out
    assert list(tmp_path.iterdir()) == []
    assert cache.digest([STACKS[name].folder]) == before
