"""Diagnoses match the output of Terraform, regardless of its line breaks."""

from __future__ import annotations

import re
import string

import pytest

from tests.harness.lifecycle import diagnoses
from tests.harness.lifecycle.run import LifecycleError

# The output of Terraform by diagnosis, with the frame and the line breaks that Terraform adds.
OUTPUTS = {
    "PostgreSQL refuses to drop the role app": """
╷
│ Error: Error, failed to delete user app in instance db: googleapi: Error 400: Invalid request:
│ failed to delete user app: . role "app" cannot be
│ dropped because some objects depend on it Details: 75 objects in database litellm., invalid
╵
""",
    "The Cloud Run service is protected": """
│ Error: cannot destroy service without setting deletion_protection=false and running
│ `terraform apply`
""",
    "Google keeps the peering of the network": """
│ Error: Unable to remove Service Networking Connection, err: Error waiting for Delete Service
│ Networking Connection: Error code 9, message: Failed to delete connection; Producer services (e.g.
│ CloudSQL, Cloud Memstore, etc.) are still using this connection.
""",
    "projects/p/global/networks/n is still used by projects/p/global/firewalls/f": """
│ Error: Error waiting for Deleting Network: The network resource 'projects/p/global/networks/n' is
│ already being used by 'projects/p/global/firewalls/f'
""",
    "Another run of Terraform holds the lock of the state": (
        "\x1b[31m│\x1b[0m Error: Error acquiring the state lock"
    ),
}


@pytest.mark.parametrize("sentence", OUTPUTS)
def test_known_output_has_a_diagnosis(sentence: str) -> None:
    (diagnosis,) = diagnoses.diagnose(OUTPUTS[sentence])
    assert diagnosis.startswith(sentence)


def test_each_error_has_its_diagnosis_in_order() -> None:
    texts = [*OUTPUTS.values(), *OUTPUTS.values()]
    for output in ("\n".join(texts), "\n".join(text.replace("│ ", "") for text in texts)):
        found = LifecycleError("destroy", output)
        assert len(found.diagnoses) == len(OUTPUTS)
        for sentence, diagnosis in zip(OUTPUTS, found.diagnoses, strict=True):
            assert diagnosis.startswith(sentence)
            assert diagnosis in str(found)


def test_error_without_a_diagnosis_hides_no_other() -> None:
    output = "Error: something else\n" + "".join(OUTPUTS.values()) + "\nError: something else"
    assert len(diagnoses.diagnose(output)) == len(OUTPUTS)


def test_unknown_output_has_no_diagnosis() -> None:
    assert diagnoses.diagnose("Error: something else") == []
    assert "no diagnosis is known" in str(LifecycleError("apply", "Error: something else"))


@pytest.mark.parametrize("entry", diagnoses.table(), ids=lambda entry: entry[1][:40])
def test_diagnosis_uses_its_groups_and_names_a_remedy(
    entry: tuple[re.Pattern[str], str],
) -> None:
    pattern, sentence = entry
    fields = {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
    assert fields <= set(pattern.groupindex)
    assert sentence.endswith(".")
