"""The table of ``docs/reference/contracts.md``: for each contract, a defect that breaks it."""

from __future__ import annotations

from tests.harness.contracts import defects
from tests.harness.contracts.defects import Defect
from tests.harness.contracts.properties import CONTRACTS
from tests.harness.contracts.whole_module import MODULE_CONTRACTS
from tests.harness.stacks import STACKS

_WIDTH = 90


def _code(text: str) -> str:
    line = " ".join(text.split())
    cut = line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."
    return f"`{cut}`" if cut else "nothing"


def _change(defect: Defect) -> str:
    return f"`{defect.file}`: {_code(defect.old)} becomes {_code(defect.new)}"


def rendered() -> str:
    """The table in Markdown."""
    lines = ["| Contract | Claim | Seeded | Broken, for one, by |", "|---|---|---|---|"]
    seeded = defects.load()
    claims = {name: contract.claim for name, contract in CONTRACTS.items()}
    claims |= {name: contract.claim for name, contract in MODULE_CONTRACTS.items()}
    for name, claim in sorted(claims.items()):
        own = [defect for defect in seeded if defect.contract == name]
        for stack in STACKS:
            on = [defect for defect in own if defect.stack.name == stack]
            # The shortest change is the easiest to try.
            first = min(on, key=lambda defect: len(defect.old) + len(defect.new))
            cells = (f"{name}, {stack}", claim, str(len(on)), _change(first))
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines)
