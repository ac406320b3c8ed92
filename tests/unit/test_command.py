"""The plan command prints a readable summary without secrets and exits with the right status."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.harness.cli.plan import main
from tests.harness.stacks import STACKS

Printed = pytest.CaptureFixture[str]


def test_plan_command_prints_a_summary(capsys: Printed) -> None:
    assert main(["aws", "--case", "everything"]) == 0
    shown = capsys.readouterr().out
    assert "Resources: " in shown
    assert "  aws_lb " in shown
    assert "/v1/chat/*" in shown
    assert "--workers 4" in shown
    assert "STORE_MODEL_IN_DB " in shown
    assert re.search(r"OPENAI_API_KEY +< arn:aws:secretsmanager:\S+:secret:openai-", shown)
    assert "no environment" in shown
    assert "Nothing was refused." in shown


def test_plan_command_prints_no_secret(capsys: Printed) -> None:
    main(["gcp", "--case", "everything"])
    shown = capsys.readouterr()
    for secret in ("sk-0123456789", "licence-0123456789", "password-0123456789"):
        assert secret not in shown.out + shown.err


def test_plan_command_takes_a_variable_file(capsys: Printed, tmp_path: Path) -> None:
    file = tmp_path / "stack.tfvars"
    file.write_text(
        'project = "acme-prod-2"\ntenant = "blue"\nenv = "qa"\n'
        "create_image_proxy = true\nallow_plaintext_lb = true\n"
    )
    assert main(["gcp", str(file)]) == 0
    assert "blue-litellm-qa-master-key" in capsys.readouterr().out


def test_plan_command_takes_inputs_as_json(capsys: Printed) -> None:
    inputs = json.dumps({**STACKS["gcp"].smallest, "tenant": "green"})
    assert main(["gcp", "--inputs", inputs]) == 0
    assert "green-litellm-dev-master-key" in capsys.readouterr().out


def test_plan_command_shows_a_refusal_and_exits_1(capsys: Printed) -> None:
    assert main(["aws", "--case", "no-tls"]) == 1
    shown = capsys.readouterr().out
    assert "Refused: 1" in shown
    assert "allow_plaintext_alb" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["aws", "--case", "none"], "name one of autoscaling-off"),
        (["aws", "none.tfvars"], "no such variable file: none.tfvars"),
        (["aws", "--inputs", "tenant"], "takes a JSON object"),
        (["aws", "--inputs", "[1]"], "takes a JSON object, not [1]"),
        (["aws", "--providers", "mirror:none"], "none has no"),
        (["aws", "--providers", "somewhere"], "use offline, registry or mirror:DIR"),
    ],
)
def test_plan_command_names_the_correct_call(
    capsys: Printed, arguments: list[str], message: str
) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
