"""Every path of the checkout that the harness reads or writes."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "terraform" / "litellm"

DATA = ROOT / "tests" / "data"
LOCKS = ROOT / "tests" / "locks"
CALLS = DATA / "calls.yaml"
CASES = DATA / "cases.yaml"
CHANGES = DATA / "changes.yaml"
CONFIGURATIONS = DATA / "configurations.yaml"
CORPUS = DATA / "corpus"
DEFECTS = DATA / "defects"
DENIED_WORDS = DATA / "denied-words.yaml"
DIFFERENCES = DATA / "differences.yaml"
FAILURES = DATA / "failures.yaml"
GCLOUD = DATA / "gcloud.yaml"
ILLEGAL = DATA / "illegal.yaml"
LITELLM = DATA / "litellm"
PARITY = DATA / "parity.yaml"
PLATFORMS = DATA / "platforms.yaml"
PRICES = DATA / "prices.yaml"
PROBES = DATA / "probes.yaml"
RECORDINGS = DATA / "recordings"
ROUTES = DATA / "routes.yaml"
SCENARIOS = DATA / "scenarios.yaml"
TRANSIENT_ERRORS = DATA / "transient-errors.yaml"

POLICY_CASES = DATA / "policy" / "cases.yaml"
POLICY_DEFECTS = DATA / "policy" / "defects"
POLICY_EXAMPLES = DATA / "policy" / "examples"
POLICY_RULES = DATA / "policy" / "rules.yaml"
POLICY_SKIPS = DATA / "policy" / "skips.yaml"
# checkov loads its external checks from a folder of Python modules.
POLICY_CHECKS = ROOT / "tests" / "policy" / "checks"
