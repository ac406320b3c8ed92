"""The model of HCL expressions agrees with Terraform, and refuses unsupported expressions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.hcl.expressions import (
    Node,
    Scope,
    Unreadable,
    evaluate,
    fold,
    literal,
    parsed,
    references,
)
from tests.harness.hcl.functions import FUNCTIONS, EvaluationError, text
from tests.harness.terraform import planning

VARIABLES: Mapping[str, Any] = {
    "text": "b-é$x",
    "number": 7,
    "half": 2.5,
    "flag": True,
    "none": None,
    "list": ["b", "a", "b", ""],
    "map": {"b": "2", "a": "1"},
    "object": {"inner": {"deep": [1, 2, 3]}},
}
# At least one expression for each function and each form that the model supports.
EXPRESSIONS = (
    'alltrue([true, var.flag]) ? "yes" : "no"',
    "anytrue([])",
    "base64encode(var.text)",
    "can(regex(var.text, var.text))",
    "chunklist(var.list, 3)",
    'cidrhost("10.0.1.0/24", 5)',
    'try(cidrhost("10.0.1.0", 5), "none")',
    'cidrsubnet("10.40.0.0/16", 8, 11)',
    'try(cidrsubnet("10.40.0.0/30", 8, 1), "none")',
    'coalesce(null, "", "c")',
    "compact(var.list)",
    "concat(var.list, [var.text], [])",
    "[contains([1, 2], 2), contains(var.list, var.text)]",
    "distinct(var.list)",
    "[element(var.list, 5), element(var.list, 0)]",
    '[endswith(var.text, "x"), startswith(var.text, "x")]',
    'length(file("${path.module}/text.txt"))',
    "flatten([[1], [[2], 3], []])",
    "[floor(var.half), floor(-2.5), floor(3)]",
    'format("arn:%s:%s", var.text, var.number)',
    'join("-", concat(var.list, [var.text]))',
    'jsonencode({ b = [1, null, true], a = "<&>\'é" })',
    "keys(var.map)",
    '[length("é👩‍👩‍👧x"), length(var.map), length(var.list)]',
    'lookup(var.map, "c", "none")',
    "lower(var.text)",
    "[max(1, var.number, 3), min(1, var.half)]",
    'merge(var.map, { a = "3" }, {})',
    "nonsensitive(var.number)",
    "[one([]), one([var.text])]",
    "[range(3), range(1, 7, 2)]",
    'regex("([a-z])-(.)", var.text)',
    'regex("^[^-]+", var.text)',
    'can(regex("^b-.[$]x$", var.text))',
    'can(regex("^a$", "a\\n"))',
    'can(regex("[[:space:]]", "a b"))',
    'can(regex("^\\\\p{L}+$", "é"))',
    'replace(var.text, "b", "c")',
    'replace("a----b--", "/-+$/", "")',
    'replace("x/projects/p/n", "/^.*?(projects/)/", "$1")',
    "reverse([1, 2, 3])",
    'tolist(setintersection(["b", "a"], ["a", "c"], ["a"]))',
    'setproduct(["a", "b"], ["1", "2"])',
    "sha256(var.text)",
    'split("-", var.text)',
    'strcontains(var.text, "$")',
    "substr(var.text, 1, 2)",
    '[tonumber("12"), tonumber("1.5"), tonumber(3)]',
    "tolist(toset(var.list))",
    "[tostring(12), tostring(true), tostring(2.50)]",
    '[trimprefix(var.text, "b-"), trimsuffix(var.text, "x")]',
    "values(var.map)",
    'yamldecode("a: [1, b]\\nc: {d: true}\\n")',
    'try(var.object.missing, var.list[9], var.map["z"], "none")',
    "var.object.inner.deep[1] + 2 * 3 - 1 % 2",
    "1 + 2 == 3 && !(2 > 3) || false",
    'var.none == null ? "null" : "not"',
    '[1 == "1", true == "true", "a" == "a", [1] == [1], var.none == null]',
    '"${var.number}/${var.half}/${var.flag} $${x} \\"q\\" \\t."',
    '[for i, v in var.list : "${i}${v}" if v != ""]',
    '[for k, v in var.map : "${k}=${v}"]',
    "{ for v in var.list : v => length(v)... }",
    '{ for k, v in var.map : v => k if k != "a" }',
    "[for o in [{ a = 1 }, { a = 2 }] : o][*].a",
    '{ a = 1, "b c" = [2,], (var.text) = 3 }',
    "-var.number + 1",
)


def node(expression: str) -> Node:
    parsed_node = parsed(f"x = {expression}\n").attributes["x"]
    if isinstance(parsed_node, Unreadable):
        raise parsed_node
    return parsed_node


def test_evaluator_agrees_with_terraform(session: planning.Session) -> None:
    assert {name for name in FUNCTIONS if not any(f"{name}(" in e for e in EXPRESSIONS)} == set()
    outputs = "".join(
        f'output "x{i:02}" {{\n  value = jsonencode({expression})\n}}\n'
        for i, expression in enumerate(EXPRESSIONS)
    )
    declarations = "".join(f'variable "{name}" {{\n  type = any\n}}\n' for name in VARIABLES)
    files = {"main.tf": declarations + outputs, "text.txt": "four"}
    with planning.temporary_root(session, files) as root:
        result = root.planned(VARIABLES)
        assert result.plan is not None, str(result)
        evaluated = {name: json.loads(value) for name, value in result.plan.outputs.items()}
        scope = Scope(VARIABLES, path=root.tfdir)
        for i, expression in enumerate(EXPRESSIONS):
            assert evaluate(node(expression), scope) == evaluated[f"x{i:02}"], expression


@pytest.mark.parametrize(
    "expression", ["aws_vpc.this.id", "uuid()", "each.value", '"%{ if true }"']
)
def test_unsupported_form_raises(expression: str) -> None:
    with pytest.raises(Unreadable):
        evaluate(node(expression), Scope({}))


@pytest.mark.parametrize(
    "expression", ['regex("b", "a")', "[1][2]", "{}.a", "one([1, 2])", "!1", '"a" + 1', '"${null}"']
)
def test_terraform_error_is_an_evaluator_error(expression: str) -> None:
    with pytest.raises(EvaluationError):
        evaluate(node(expression), Scope({}))
    assert evaluate(node(f"can({expression})"), Scope({})) is False


def test_variable_is_found_through_locals() -> None:
    local_values = {"a": node("local.b"), "b": node("var.x + 1")}
    scope = Scope({"x": 1}, local_values)
    assert references(node("local.a == var.y"), scope) == {"x", "y"}


def test_folding_keeps_only_the_variable() -> None:
    scope = Scope({"x": 0, "y": 3}, {"limit": node("var.y * 2")})
    folded = fold(node("var.x <= local.limit && var.y == 3"), scope, "x")
    assert folded == node("var.x <= 6")
    unrolled = fold(node('!anytrue([for p in ["a", "b"] : var.x == p])'), scope, "x")
    assert unrolled == node('!(var.x == "a" || var.x == "b")')
    assert fold(node("var.y == 3 || var.x == 1"), scope, "x") == literal(True)
    assert fold(node('var.y == 4 ? false : var.x != ""'), scope, "x") == node('var.x != ""')


@given(st.integers(-5, 5), st.integers(-5, 5), st.booleans())
def test_folding_changes_no_value(x: int, y: int, flag: bool) -> None:
    scope = Scope({"x": x, "y": y, "flag": flag}, {"l": node("var.x > var.y ? var.x : var.y")})
    for expression in (
        "var.flag && local.l > 0 || var.x == var.y",
        "alltrue([for v in [var.y, 1, 2] : v < var.x || var.flag])",
        'coalesce(var.flag ? null : "a", "b") == "a"',
        "try(element([1, 2], var.x) > var.y, var.flag)",
    ):
        unfolded = evaluate(node(expression), scope)
        for hole in ("x", "y", "flag"):
            assert evaluate(fold(node(expression), scope, hole), scope) == unfolded


@pytest.mark.parametrize(
    ("value", "expected"), [(1, "1"), (2.0, "2"), (2.5, "2.5"), (True, "true")]
)
def test_text_conversion_agrees_with_terraform(value: Any, expected: str) -> None:
    assert text(value) == expected
