"""What the two stacks say they have in common: the tables of the modules' common README.

Rows of the parity table and of the cloud-forced differences, read with a Markdown parser.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.harness.paths import MODULES
from tests.harness.stacks import STACKS

FILE = MODULES / "README.md"

_NAME = re.compile(r"[a-z*][a-z0-9_*]*")
_SECRET = "secret"  # noqa: S105 - the note's word


class ParityError(ValueError):
    """A table of the README does not read as the harness needs it."""


@dataclass(frozen=True, slots=True)
class Named:
    """An input as a cell names it.

    ``pattern`` may hold ``*``. ``value`` is what stands after ``=``, empty without one. ``type`` is
    a note in code, ``note`` one in words.
    """

    pattern: str
    value: str = ""
    type: str = ""
    note: str = ""

    @property
    def secret(self) -> bool:
        """Whether the note says that the input carries a secret."""
        return self.note == _SECRET

    def among(self, declared: Iterable[str]) -> tuple[str, ...]:
        """The declared inputs that are meant, in the order of ``declared``."""
        return tuple(name for name in declared if fnmatch.fnmatchcase(name, self.pattern))


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the parity table: a capability, and by stack the inputs that its cell names."""

    capability: str
    inputs: Mapping[str, tuple[Named, ...]]
    line: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A cloud-forced difference: its text, the inputs that it names, the reason."""

    text: str
    inputs: tuple[Named, ...]
    reason: str
    line: int


@dataclass(frozen=True, slots=True)
class Tables:
    """What the README says. ``opposite``: for inputs it calls opposite switches, the safe value."""

    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    opposite: Mapping[str, str]


def _plain(tokens: Iterable[Token]) -> str:
    text = "".join(
        t.content if t.type in ("text", "code_inline") else " " * (t.type == "softbreak")
        for t in tokens
    )
    return " ".join(text.split())


def _table(tokens: Sequence[Token], path: Path, head: str) -> Iterator[tuple[int, list[Token]]]:
    """The rows of the table whose first heading is ``head``: line, cells. The headings first."""
    cells: list[Token] = []
    found: list[tuple[int, list[Token]]] = []
    for token in tokens:
        if token.type == "table_open":
            found = []
        elif token.type == "tr_open":
            cells = []
            found.append(((token.map or [0])[0] + 1, cells))
        elif token.type == "inline":
            cells.append(token)
        elif token.type == "table_close" and _plain(found[0][1][0].children or ()) == head:
            yield from found
            return
    raise ParityError(f"{path}: has no table whose first heading is {head!r}; put it back")


def _named(code: str, where: str) -> Named:
    pattern, _, value = code.partition(" = ")
    if not _NAME.fullmatch(pattern):
        raise ParityError(f"{where}: {code!r} is no input; write NAME or NAME = X")
    return Named(pattern, value)


def _inputs(cell: Token, where: str) -> tuple[Named, ...]:
    """The inputs of a parity cell. What stands in brackets is a note to the input before it."""
    found: list[Named] = []
    depth = 0
    for child in cell.children or ():
        if child.type == "code_inline" and not depth:
            found.append(_named(child.content, where))
        elif child.type == "code_inline" and found:
            found[-1] = replace(found[-1], type=child.content)
        else:
            for part in re.split(r"([()])", child.content):
                if depth and found and part not in ("(", ")"):
                    found[-1] = replace(found[-1], note=found[-1].note + part)
                depth += (part == "(") - (part == ")")
    return tuple(found)


def _names(cell: Token) -> tuple[Named, ...]:
    """The inputs that the text of a difference names, without what only looks like one."""
    codes = [child.content for child in cell.children or () if child.type == "code_inline"]
    return tuple(Named(code) for code in codes if _NAME.fullmatch(code))


def _opposite(tokens: Sequence[Token]) -> dict[str, str]:
    """From paragraphs that speak of opposite switches: ``X`` ... when it is ``V``, by X."""
    found: dict[str, str] = {}
    for token in tokens:
        children = [c for c in token.children or () if c.type in ("text", "code_inline")]
        if "opposite" not in _plain(children):
            continue
        for name, words, value in zip(children, children[1:], children[2:], strict=False):
            coded = name.type == value.type == "code_inline"
            if coded and words.content.rstrip().endswith("when it is"):
                found[name.content] = value.content
    return found


def read(path: Path = FILE) -> Tables:
    """The tables of a README.

    Raises:
        ParityError: a table is missing, has another number of columns, or names what is no input.
    """
    tokens = MarkdownIt("commonmark").enable("table").parse(path.read_text())
    (_, heads), *rows = _table(tokens, path, "Capability")
    stacks = [_plain(head.children or ()).partition(" ")[0].lower() for head in heads[1:]]
    if stacks != list(STACKS):
        raise ParityError(f"{path}: columns {stacks}; the table has one for each of {[*STACKS]}")
    (_, titles), *differences = _table(tokens, path, "Difference")
    if len(titles) != 2:
        raise ParityError(f"{path}: {len(titles)} columns; a difference has its text and a reason")
    return Tables(
        rows=tuple(
            Row(
                capability=_plain(cells[0].children or ()),
                inputs={
                    stack: _inputs(cell, f"{path}:{line}")
                    for stack, cell in zip(stacks, cells[1:], strict=True)
                },
                line=line,
            )
            for line, cells in rows
        ),
        differences=tuple(
            Difference(
                text=_plain(cells[0].children or ()),
                inputs=_names(cells[0]),
                reason=_plain(cells[1].children or ()),
                line=line,
            )
            for line, cells in differences
        ),
        opposite=_opposite(tokens),
    )
