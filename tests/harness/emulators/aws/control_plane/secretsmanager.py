"""What ministack lacks of Secrets Manager: a name in its recovery window is taken."""

from __future__ import annotations

from tests.harness.emulators.aws.control_plane.call import Call, Refusal
from tests.harness.emulators.aws.control_plane.service import Clients, Observations, Refuse, Rule
from tests.harness.sdk.aws import paged


def _secret(client: Clients, call: Call, _: Observations) -> Refusal | None:
    secrets = paged(
        client("secretsmanager"), "list_secrets", "SecretList", IncludePlannedDeletion=True
    )
    name = call.parameters.get("Name")
    if not any(s["Name"] == name and s.get("DeletedDate") for s in secrets):
        return None
    return Refusal(
        "InvalidRequestException",
        "You can't create this secret because a secret with this name is already scheduled for "
        "deletion.",
    )


REFUSALS: Refuse = {
    "CreateSecret": [
        Rule(_secret, "Secrets Manager, Troubleshoot: a name in its recovery window"),
    ],
}
