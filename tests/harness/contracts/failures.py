"""The known failures, from ``tests/data/failures.yaml``, and their table in the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.harness import documents
from tests.harness.paths import FAILURES


@dataclass(frozen=True, slots=True)
class Documented:
    """Words that a section of a module's README has."""

    stack: str
    section: str
    words: str

    def __str__(self) -> str:
        return f"README of {self.stack}, {self.section}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A known failure.

    ``modules`` says what the modules do about it. ``clauses`` (``CONTRACT.CLAUSE``), ``tests`` (of
    ``tests/unit``) and ``documented`` verify it.
    """

    number: str
    modules: str
    clauses: tuple[str, ...]
    tests: tuple[str, ...]
    documented: tuple[Documented, ...]


def load(path: Path = FAILURES) -> tuple[Failure, ...]:
    """The failures in the order of their numbers."""
    return tuple(
        Failure(
            number,
            entry["modules"],
            tuple(entry.get("clauses", ())),
            tuple(entry.get("tests", ())),
            tuple(Documented(**place) for place in entry.get("documented", ())),
        )
        for number, entry in documents.read(path).items()
    )


def rendered() -> str:
    """The table of ``docs/reference/failures.md``."""
    lines = ["| Failure | What the modules do | Verified by |", "|---|---|---|"]
    for failure in load():
        verified = [f"clause `{clause}`" for clause in failure.clauses]
        verified += [f"`{name}`" for name in failure.tests]
        verified += [str(place) for place in failure.documented]
        lines.append(f"| {failure.number} | {failure.modules} | {'<br>'.join(verified)} |")
    return "\n".join(lines)
