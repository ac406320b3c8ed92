"""A generated table in a document, between two marks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class DocsError(ValueError):
    """A file lacks the marks that a table stands between."""


@dataclass(frozen=True, slots=True)
class Table:
    """A generated table: its file, the name in its marks, and what gives its text."""

    path: Path
    mark: str
    text: Callable[[], str]

    def rendered(self) -> str:
        """The file with the table as it must be.

        Raises:
            DocsError: the file does not hold each mark once.
        """
        begin, end = f"<!-- BEGIN_{self.mark} -->", f"<!-- END_{self.mark} -->"
        content = self.path.read_text()
        if content.count(begin) != 1 or content.count(end) != 1:
            raise DocsError(f"{self.path} must hold {begin} and {end} once each")
        head, rest = content.split(begin)
        return f"{head}{begin}\n\n{self.text()}\n\n{end}{rest.split(end)[1]}"
