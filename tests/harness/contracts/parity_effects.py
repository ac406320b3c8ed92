"""The effects of the rows of the parity table, as data in ``tests/data/parity.yaml``.

A part of a plan has one name over both clouds, and on each patterns over the addresses and paths
that :mod:`tests.harness.plan.semantic_diff` gives.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import documents
from tests.harness.contracts import parity_rows
from tests.harness.contracts.parity_rows import Difference, Row
from tests.harness.paths import PARITY
from tests.harness.plan.semantic_diff import Change, Meaning
from tests.harness.stacks import STACKS, Stack, declared

_KEYS = {"name", "base", "set", "changes", "may", "renames", "opens", "beside", "extra"}
_KEYS |= {"together", *STACKS}
_SHOWING = {"shows", "lacks", "refused", "unchanged"}
# The kinds of change that a value names in place of a glob.
_KINDS = {"made": "added", "gone": "removed"}


class EffectError(ValueError):
    """The file is malformed, or names a part that it does not describe."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A part that changes, and its new value: a glob, ``made``, ``gone``, or None for any."""

    part: str
    value: str | None = None

    def __str__(self) -> str:
        return self.part if self.value is None else f"{self.part} -> {self.value}"


@dataclass(frozen=True, slots=True)
class Effect:
    """What some inputs of a row change on one stack.

    ``inputs`` override ``base``. Each must change all parts of its ``must``; ``may`` lists parts
    that may change too. If ``opens``, a regular expression, is set, the stack is refused with a
    matching error without ``inputs``, and the plan with them is compared with that of ``beside``.
    ``renames`` are texts that change in the whole plan. ``extra`` are blocks of a root that calls
    the module. Effects marked ``together`` share a plan: they have no base and no common part.
    """

    capability: str
    name: str
    stack: Stack
    base: Mapping[str, Any]
    inputs: Mapping[str, Any]
    must: Mapping[str, tuple[Expected, ...]]
    may: tuple[Expected, ...]
    renames: Mapping[str, str]
    opens: str
    beside: Mapping[str, Any]
    extra: Mapping[str, Any]
    together: bool

    @property
    def where(self) -> str:
        """The capability, with the name of the effect."""
        return f"{self.capability} ({self.name})" if self.name else self.capability

    @property
    def without(self) -> Mapping[str, Any]:
        """The inputs without those of the row."""
        return merged_inputs(self.stack.smallest, self.base)

    @property
    def start(self) -> Mapping[str, Any]:
        """The inputs of the plan to compare with."""
        return merged_inputs(self.stack.smallest, self.beside) if self.opens else self.without

    @property
    def end(self) -> Mapping[str, Any]:
        """The inputs with those of the row."""
        return merged_inputs(self.stack.smallest, {**self.base, **self.inputs})


@dataclass(frozen=True, slots=True)
class Effects:
    """The content of the file.

    ``parts`` are patterns by stack, by a name that may hold ``{WORD}``. ``checks`` has, by the text
    of each difference, what shows that it is one.
    """

    rows: tuple[Row, ...]
    parts: Mapping[str, Mapping[str, tuple[str, ...]]]
    effects: tuple[Effect, ...]
    twins: tuple[Mapping[str, str], ...]
    polarity: Mapping[str, Mapping[str, Mapping[str, Any]]]
    differences: tuple[Difference, ...]
    checks: Mapping[str, Mapping[str, Any]]

    def of(self, stack: Stack) -> tuple[Effect, ...]:
        """The effects on a stack."""
        return tuple(effect for effect in self.effects if effect.stack == stack)

    def matcher(self, stack: Stack, expected: Expected) -> Callable[[Change], bool]:
        """A function that tells whether a change belongs to a part and has its value.

        Raises:
            EffectError: no name of a part matches, or more than one.
        """
        pairs = self._patterns(stack, expected.part)
        return lambda change: (
            _became(change, expected.value)
            and any(
                address.fullmatch(change.address) and path.fullmatch(change.path)
                for address, path in pairs
            )
        )

    def shown(self, stack: Stack, expected: Expected, held: Meaning) -> bool:
        """Whether a part has the expected value somewhere in a plan.

        Raises:
            EffectError: no name of a part matches, or more than one.
        """
        fits = self.matcher(stack, expected)
        return any(
            fits(Change("changed", address, path, None, value))
            for address, values in held.items()
            for path, value in values.items()
        )

    def _patterns(self, stack: Stack, part: str) -> tuple[tuple[re.Pattern[str], ...], ...]:
        found = [
            [_filled(pattern, match.groupdict()) for pattern in by_stack.get(stack.name, ())]
            for name, by_stack in self.parts.items()
            if (match := _template(name).fullmatch(part))
        ]
        if len(found) != 1:
            raise EffectError(
                f"{PARITY.name}: part {part!r} fits {len(found)} names under `parts`, not one. "
                f"Correct it or add it there; `parts` has {', '.join(self.parts)}"
            )
        return tuple(_pair(pattern) for pattern in found[0])


def merged_inputs(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs that override others, with their credentials declared; null removes one."""
    return declared({name: value for name, value in {**under, **over}.items() if value is not None})


def text_of(value: Any) -> str:
    """A value as text for globs: a string unchanged, any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value, default=repr)


@functools.cache
def _template(name: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^ ]+)", re.escape(name)))


def _filled(pattern: str, words: Mapping[str, str]) -> str:
    for word, text in words.items():
        pattern = pattern.replace(f"{{{word}}}", text)
    return pattern


@functools.cache
def _glob(pattern: str) -> re.Pattern[str]:
    r"""``*`` is any text, ``\*`` a star."""
    texts = [part.replace("\\*", "*") for part in re.split(r"(?<!\\)\*", pattern)]
    return re.compile(".*".join(map(re.escape, texts)), re.DOTALL)


@functools.cache
def _pair(pattern: str) -> tuple[re.Pattern[str], ...]:
    address, _, path = pattern.partition(" ")
    return _glob(address), _glob(path or "*")


def _became(change: Change, value: str | None) -> bool:
    if value is None:
        return True
    if value in _KINDS:
        # A part of a resource is added when it gets its first value.
        side = change.before if value == "made" else change.after
        return change.kind == _KINDS[value] or (change.kind == "changed" and side is None)
    return change.kind == "changed" and bool(_glob(value).fullmatch(text_of(change.after)))


def expected(items: Iterable[Any]) -> tuple[Expected, ...]:
    """The expectations of a list: each item is a part, or a map of parts to values."""
    found = []
    for item in items:
        pairs = item.items() if isinstance(item, Mapping) else [(item, None)]
        found += [Expected(part, None if v is None else text_of(v)) for part, v in pairs]
    return tuple(found)


def _effect(capability: str, stack: Stack, entry: Mapping[str, Any]) -> Effect:
    unexpected = set(entry) - _KEYS
    if unexpected:
        raise EffectError(f"{PARITY.name}: {capability}: unknown {', '.join(sorted(unexpected))}")
    own = entry.get(stack.name) or {}

    def merged(key: str) -> dict[str, Any]:
        return {**(entry.get(key) or {}), **(own.get(key) or {})}

    effect = Effect(
        capability=capability,
        name=entry.get("name", ""),
        stack=stack,
        base=merged("base"),
        inputs=merged("set"),
        must={name: expected(items) for name, items in merged("changes").items()},
        may=expected([*entry.get("may", ()), *own.get("may", ())]),
        renames=merged("renames"),
        opens=own.get("opens", entry.get("opens", "")),
        beside=merged("beside"),
        extra=merged("extra"),
        together=entry.get("together", False),
    )
    if effect.together and (effect.base or effect.opens or effect.renames or effect.extra):
        raise EffectError(f"{PARITY.name}: {effect.where}: an effect marked `together` has no base")
    unlike = set(effect.inputs) ^ set(effect.must)
    # An input that makes the stack plannable need not change anything else.
    if unlike and not (effect.opens and unlike <= set(effect.inputs)):
        raise EffectError(
            f"{PARITY.name}: {effect.where}, {stack.name}: {', '.join(sorted(unlike))} is "
            "in only one of `set` and `changes`. Move it to `base`."
        )
    return effect


def _checked(text: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """A difference, if it has a check that can fail."""
    tells = {"only", "differs"} & set(spec) or {
        key for stack in STACKS for key in (spec.get(stack) or {}) if key in _SHOWING
    }
    unexpected = (set(spec) - {"inputs", "reason", "only", "differs", *STACKS}) | {
        key for stack in STACKS for key in (spec.get(stack) or {}) if key not in {"set", *_SHOWING}
    }
    if unexpected or not tells:
        raise EffectError(
            f"{PARITY.name}: difference {text!r}: "
            f"{f'unknown {sorted(unexpected)}' if unexpected else 'no check'}; "
            f"write `only`, `differs`, or by stack one of {', '.join(sorted(_SHOWING))}"
        )
    return spec


@functools.cache
def load(path: Path = PARITY) -> Effects:
    """The effects of a file.

    Raises:
        EffectError: an entry has an unknown key, or no expectation.
    """
    document = documents.read(path)
    return Effects(
        rows=parity_rows.rows(document),
        parts={
            name: {stack: tuple(patterns) for stack, patterns in by_stack.items()}
            for name, by_stack in document["parts"].items()
        },
        effects=tuple(
            _effect(capability, stack, entry)
            for stack in STACKS.values()
            for capability, entries in document["effects"].items()
            for entry in entries
            if not set(STACKS) & set(entry) or stack.name in entry
        ),
        twins=tuple(document["twins"]),
        polarity=document["polarity"],
        differences=parity_rows.differences(document),
        checks={text: _checked(text, spec) for text, spec in document["differences"].items()},
    )
