"""Values that are both known and true: of a plan, and of what its apply would make known.

A plan alone is blind: what it knows only after apply, no check can judge. A resolved plan alone is
not honest: where the configuration sets nothing, the offline provider makes a value up. Hence each
unknown value of the plan is taken from the resolved one if, and only if, the configuration sets it.

An argument can be in the configuration and still be null, as with ``k == "" ? null : k``,
and if the provider may compute it, it is as unknown as one that is set. Such a value is told by its
being what the provider makes up for just this argument of just this resource.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.harness.offline.engine.made_up import make_known
from tests.harness.offline.protocol.schema import Attribute, Block
from tests.harness.plan.view import UNKNOWN

# What checkov itself puts where a plan does not know a value
# (checkov.common.util.consts.TRUE_AFTER_UNKNOWN; a test compares the two).
SENTINEL: Final = "true_after_unknown"

# What a provider computes of the configuration and of its own defaults, and of nothing else: as
# resolved it is no invention, even where the resource itself sets none.
_DERIVED = ("tags_all", "terraform_labels", "effective_labels")


class _Nothing:
    """What is left out of a document; null is not, before it is dropped."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()

# Gives what a provider would have made up for an attribute of a block, by the marks of a resource.
_Invented = Callable[[Block, str], list[tuple[str, Any]]]


@dataclass(frozen=True, slots=True)
class _Setting:
    """What the configuration says of a value: ``set`` to something, ``unset``, or ``unsure``.

    ``expressions`` are those of the bodies of a block, ``block`` its schema. ``open``: bodies of a
    dynamic block, which a plan's configuration leaves out; the schema must say what can be set.
    ``dynamic``: a block that is not in the configuration. If the plan knows its bodies they are a
    dynamic block's; if not, the provider computes them, as AWS's does ``logging`` of a bucket.
    """

    how: str
    expressions: tuple[Mapping[str, Any], ...] = ()
    block: Block | None = None
    open: bool = False
    # What the provider would make up where this is null, with the mark that shows it.
    invented: tuple[tuple[str, Any], ...] = ()

    def of(self, name: str, invented: _Invented) -> _Setting:
        """The setting of an argument or block inside this one."""
        if name in _DERIVED:
            return _Setting("set")
        if self.block is None and not self.expressions:
            # Inside of a value, such as a map: it is set as a whole.
            return self
        nested = self.block.blocks.get(name) if self.block else None
        inner = nested.block if nested else None
        found = [e[name] for e in self.expressions if e.get(name)]
        attribute = self.block.attributes.get(name) if self.block else None
        if any(isinstance(e, Mapping) and _is_leaf(e) for e in found):
            if self.block is None or attribute is None or not attribute.computed:
                return _Setting("set")
            return _Setting("set", invented=tuple(invented(self.block, name)))
        if found:
            bodies = [body for e in found for body in (e if isinstance(e, list) else [e])]
            return _Setting("set", tuple(bodies), inner, self.open)
        if nested is not None:
            return _Setting("dynamic", (), inner, open=True)
        if not self.open:
            return _Setting("unset")
        return _Setting(_by_schema(attribute))


def _by_schema(attribute: Attribute | None) -> str:
    if attribute is None:
        return "unsure"
    if not attribute.computed:
        return "set"
    return "unsure" if attribute.optional else "unset"


def _inventor(resource_type: str, block: Block | None, resolved: Mapping[str, Any]) -> _Invented:
    """What an apply makes up ends with a mark of its resource; its own id and ARN show which."""
    own = block.attributes if block else {}
    marks = {
        text[-8:]
        for name, text in resolved.items()
        if name in own and own[name].computed and not own[name].optional
        if isinstance(text, str) and re.search(r"[0-9a-f]{8}$", text)
    }

    def invented(of: Block, name: str) -> list[tuple[str, Any]]:
        alone = Block({name: of.attributes[name]}, {})
        unknown = {name: UNKNOWN}
        return [(m, make_known(resource_type, alone, unknown, m)[name]) for m in sorted(marks)]

    return invented


def _is_leaf(expression: Mapping[str, Any]) -> bool:
    return "references" in expression or "constant_value" in expression


def combine(
    resource_type: str,
    planned: Mapping[str, Any],
    resolved: Mapping[str, Any] | None,
    expressions: Mapping[str, Any],
    block: Block | None,
) -> dict[str, Any]:
    """The values of a resource that its configuration sets or its plan knows, without nulls.

    Args:
        resource_type: ``aws_lb``, for what an apply of it makes up.
        planned: the values after apply as planned, unknown ones ``UNKNOWN``.
        resolved: the same as an apply would make them; None to settle the plan as it is.
        expressions: the resource's ``expressions`` of the plan's configuration.
        block: the schema of its type; None where there is none, as for ``terraform_data``.

    An unknown value that is set is :data:`SENTINEL` where ``resolved`` does not know it either.
    One that is not set is left out, and so is one that only looks set.
    """
    # An empty mapping: a resource that sets nothing is not the inside of a value.
    top = _Setting("set", (expressions or {"": None},), block)
    settle = _Settling(_inventor(resource_type, block, resolved or {}))
    return settle.body(planned, resolved, top)


def _part(resolved: Any, step: Any) -> Any:
    if isinstance(resolved, Mapping):
        return resolved.get(step)
    return UNKNOWN


@dataclass(frozen=True, slots=True)
class _Settling:
    """The walk over the values of one resource."""

    invented: _Invented

    def body(self, planned: Mapping[str, Any], resolved: Any, setting: _Setting) -> dict[str, Any]:
        return {
            name: value
            for name, part in planned.items()
            if (value := self.one(part, _part(resolved, name), setting.of(name, self.invented)))
            is not NOTHING
        }

    def one(self, planned: Any, resolved: Any, setting: _Setting) -> Any:
        if planned is None:
            return NOTHING
        if planned is UNKNOWN:
            return self.resolved(resolved, setting)
        if isinstance(planned, Mapping):
            return self.body(planned, resolved, setting)
        if isinstance(planned, list):
            return self.items(planned, resolved, setting)
        return planned

    def resolved(self, value: Any, setting: _Setting) -> Any:
        """A value that is unknown as planned, as resolved: of a block's body only what is set."""
        if setting.how in ("unset", "dynamic") or value is None:
            return NOTHING
        if setting.how == "unsure" or value is UNKNOWN:
            return SENTINEL
        for mark, made_up in setting.invented:
            if value == made_up:
                # A number or a switch bears no mark: it may be what was asked for as well.
                return NOTHING if mark in repr(made_up) else SENTINEL
        if isinstance(value, Mapping):
            parts = {n: self.resolved(v, setting.of(n, self.invented)) for n, v in value.items()}
            return {name: part for name, part in parts.items() if part is not NOTHING}
        if isinstance(value, list):
            parts_of = [self.resolved(part, setting) for part in value]
            return [part for part in parts_of if part is not NOTHING]
        return value

    def items(self, planned: list[Any], resolved: Any, setting: _Setting) -> list[Any]:
        left = list(resolved) if isinstance(resolved, list) else []
        found = []
        if setting.block is not None and len(planned) > len(setting.expressions):
            # More bodies than are written out: some are those of a dynamic block.
            setting = replace(setting, open=True)
        for item in planned:
            # A set is sorted by its values, so an item may stand elsewhere once they are known.
            place = next((i for i, other in enumerate(left) if _agree(item, other)), None)
            other = UNKNOWN if place is None else left.pop(place)
            kept = self.one(item, other, setting)
            if kept is not NOTHING:
                found.append(kept)
        return found


def _agree(planned: Any, resolved: Any) -> bool:
    """Whether what is known of ``planned`` is so in ``resolved``, too."""
    if planned is UNKNOWN or resolved is UNKNOWN:
        return True
    if isinstance(planned, Mapping) and isinstance(resolved, Mapping):
        return all(_agree(part, resolved.get(name)) for name, part in planned.items())
    if isinstance(planned, list) and isinstance(resolved, list):
        return len(planned) == len(resolved) and all(
            map(_agree, planned, resolved)  # the order is that of a set's elements as well
        )
    return bool(planned == resolved)
