"""Both providers plan generated valid inputs alike; a difference is shrunk to the simplest inputs.

``--hypothesis-profile=nightly`` draws more, and ``--hypothesis-seed=N`` others.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import hypothesis
import pytest

from tests.conformance.fidelity import MIRRORED, Sessions, none_of, unlisted
from tests.harness.inputs import handwritten, legal
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning

# A plan with a real plugin takes five seconds.
EXAMPLES = {"ci": 4, "nightly": 200, "replay": 0}[hypothesis.settings.get_current_profile_name()]


# The text of a strategy holds the module.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("stack", sorted(STACKS))
def test_generated_inputs_are_planned_alike(
    real_and_offline: Sessions, tally: Counter[str], stack: str
) -> None:
    if STACKS[stack].provider not in MIRRORED:
        pytest.skip(none_of(STACKS[stack].provider))
    space = handwritten.space(stack)

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(legal.valid_inputs(space, {}))
    def planned_alike(inputs: Any) -> None:
        case = planning.Case("generated", stack, inputs)
        found = unlisted(real_and_offline, case, tally)
        assert found == [], "\n".join([*found[:20], planning.replay_command(case)])

    planned_alike()
