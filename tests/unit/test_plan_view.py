"""The typed view of a plan has unknown values, and references from the configuration."""

from __future__ import annotations

import pytest

from tests.harness.plan.view import UNKNOWN, Plan, with_unknown
from tests.harness.terraform import planning

TEXT = """
variable "secret" {
  type      = string
  sensitive = true
  default   = "s"
}
locals { both = "${terraform_data.first.id}-x" }
resource "terraform_data" "first" {
  input = { known = "a", secret = var.secret, list = ["b"] }
}
resource "terraform_data" "second" {
  count            = 2
  input = {
    later = terraform_data.first.id
    known = count.index
    list  = ["c", local.both]
  }
  triggers_replace = [var.secret]
  depends_on       = [terraform_data.third]
}
resource "terraform_data" "third" {}
output "later" { value = { known = "a", later = terraform_data.first.id } }
output "hidden" {
  value     = var.secret
  sensitive = true
}
"""


@pytest.fixture(scope="module")
def plan(session: planning.Session) -> Plan:
    with planning.temporary_root(session, {"main.tf": TEXT}) as root:
        result = root.planned()
    assert result.plan is not None, str(result)
    return result.plan


@pytest.mark.parametrize(
    ("value", "unknown", "expected"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"b": True}, {"a": 1, "b": UNKNOWN}),
        (None, True, UNKNOWN),
        ({"a": [1]}, {"a": [False, True]}, {"a": [1, UNKNOWN]}),
        ({"a": [{"b": 1}]}, {"a": [{"c": True}]}, {"a": [{"b": 1, "c": UNKNOWN}]}),
        ([], [], []),
    ],
)
def test_unknown_values_are_at_their_places(
    value: object, unknown: object, expected: object
) -> None:
    assert with_unknown(value, unknown) == expected


def test_unknown_value_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(UNKNOWN)


def test_list_holds_known_and_unknown_values(plan: Plan) -> None:
    values = plan.resources["terraform_data.second[1]"].values["input"]
    assert values == {"later": UNKNOWN, "known": 1, "list": ["c", UNKNOWN]}


def test_resources_are_indexed_and_counted(plan: Plan) -> None:
    assert plan.counts == {"terraform_data": 4}
    assert plan.resources["terraform_data.second[0]"].index == 0
    assert plan.of_type("aws_lb") == {}


def test_references_come_from_the_configuration(plan: Plan) -> None:
    assert "terraform_data.first.id" in plan.references["terraform_data.second"]
    assert "local.both" in plan.references["terraform_data.second"]
    assert plan.depends_on["terraform_data.second"] == ("terraform_data.third",)
    assert plan.depends_on["terraform_data.first"] == ()


def test_outputs_keep_unknown_values_and_marks(plan: Plan) -> None:
    assert plan.outputs["later"] == {"known": "a", "later": UNKNOWN}
    assert plan.sensitive_outputs == {"hidden"}


def test_sensitive_marks_are_kept(plan: Plan) -> None:
    assert plan.resources["terraform_data.first"].sensitive["input"] == {
        "secret": True,
        "list": [False],
    }
