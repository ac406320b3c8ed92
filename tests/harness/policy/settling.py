"""Values that are both known and true: of a plan, and of what its apply would make known.

A plan alone is blind: what it knows only after apply, no check can judge. A foreseen plan alone is
not honest: where the configuration sets nothing, the offline provider makes a value up. Hence each
unknown value of the plan is taken from the foreseen one if, and only if, the configuration sets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.harness.offline.schema import Block
from tests.harness.plan import UNKNOWN

# What checkov itself puts where a plan does not know a value
# (checkov.common.util.consts.TRUE_AFTER_UNKNOWN; a test compares the two).
SENTINEL: Final = "true_after_unknown"


class _Nothing:
    """What is left out of a document; null is not, before it is dropped."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()


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

    def of(self, name: str) -> _Setting:
        """The setting of an argument or block inside this one."""
        if self.block is None and not self.expressions:
            # Inside of a value, such as a map: it is set as a whole.
            return self
        nested = self.block.blocks.get(name) if self.block else None
        inner = nested.block if nested else None
        found = [e[name] for e in self.expressions if e.get(name)]
        if any(isinstance(e, Mapping) and _is_leaf(e) for e in found):
            return _Setting("set")
        if found:
            bodies = [body for e in found for body in (e if isinstance(e, list) else [e])]
            return _Setting("set", tuple(bodies), inner, self.open)
        if nested is not None:
            return _Setting("dynamic", (), inner, open=True)
        if not self.open:
            return _Setting("unset")
        attribute = self.block.attributes.get(name) if self.block else None
        if attribute is None:
            return _Setting("unsure")
        if not attribute.computed:
            return _Setting("set")
        return _Setting("unsure" if attribute.optional or attribute.required else "unset")


def _is_leaf(expression: Mapping[str, Any]) -> bool:
    return "references" in expression or "constant_value" in expression


def settled(
    planned: Mapping[str, Any],
    foreseen: Mapping[str, Any] | None,
    expressions: Mapping[str, Any],
    block: Block | None,
) -> dict[str, Any]:
    """The values of a resource that its configuration sets or its plan knows, without nulls.

    Args:
        planned: the values after apply as planned, unknown ones ``UNKNOWN``.
        foreseen: the same as an apply would make them; None to settle the plan as it is.
        expressions: the resource's ``expressions`` of the plan's configuration.
        block: the schema of its type; None where there is none, as for ``terraform_data``.

    An unknown value that is set is :data:`SENTINEL` where ``foreseen`` does not know it either.
    One that is not set is left out.
    """
    # An empty mapping: a resource that sets nothing is not the inside of a value.
    top = _Setting("set", (expressions or {"": None},), block)
    return {
        name: value
        for name, part in planned.items()
        if (value := _one(part, _part(foreseen, name), top.of(name))) is not NOTHING
    }


def _part(foreseen: Any, step: Any) -> Any:
    if isinstance(foreseen, Mapping):
        return foreseen.get(step)
    return UNKNOWN


def _one(planned: Any, foreseen: Any, setting: _Setting) -> Any:
    if planned is None:
        return NOTHING
    if planned is UNKNOWN:
        if setting.how in ("unset", "dynamic"):
            return NOTHING
        return SENTINEL if setting.how == "unsure" else _foreseen(foreseen, setting)
    if isinstance(planned, Mapping):
        return {
            name: value
            for name, part in planned.items()
            if (value := _one(part, _part(foreseen, name), setting.of(name))) is not NOTHING
        }
    if isinstance(planned, list):
        return _list(planned, foreseen, setting)
    return planned


def _foreseen(value: Any, setting: _Setting) -> Any:
    """A value that is unknown as planned, as foreseen: of a block's body only what is set."""
    if value is None:
        return NOTHING
    if value is UNKNOWN:
        return SENTINEL
    if isinstance(value, Mapping):
        return {
            name: kept
            for name, part in value.items()
            if (inner := setting.of(name)).how not in ("unset", "dynamic")
            if (kept := SENTINEL if inner.how == "unsure" else _foreseen(part, inner))
            is not NOTHING
        }
    if isinstance(value, list):
        return [kept for part in value if (kept := _foreseen(part, setting)) is not NOTHING]
    return value


def _list(planned: list[Any], foreseen: Any, setting: _Setting) -> list[Any]:
    left = list(foreseen) if isinstance(foreseen, list) else []
    found = []
    for item in planned:
        # A set is sorted by its values, so an item may stand elsewhere once they are known.
        place = next((i for i, other in enumerate(left) if _agree(item, other)), None)
        other = UNKNOWN if place is None else left.pop(place)
        kept = _one(item, other, setting)
        if kept is not NOTHING:
            found.append(kept)
    return found


def _agree(planned: Any, foreseen: Any) -> bool:
    """Whether what is known of ``planned`` is so in ``foreseen``, too."""
    if planned is UNKNOWN or foreseen is UNKNOWN:
        return True
    if isinstance(planned, Mapping) and isinstance(foreseen, Mapping):
        return all(_agree(part, foreseen.get(name)) for name, part in planned.items())
    if isinstance(planned, list) and isinstance(foreseen, list):
        return len(planned) == len(foreseen) and all(
            map(_agree, planned, foreseen)  # the order is that of a set's elements as well
        )
    return bool(planned == foreseen)
