"""Combine the values of a plain plan and of its resolved plan.

No check can judge a value of a plain plan that is known only after apply. A resolved plan has a
value, but the offline provider generates it if the configuration does not set it. An unknown value
is therefore replaced with the resolved value if, and only if, the configuration sets it.

The configuration can set an argument to null, as with ``k == "" ? null : k``. If the provider may
compute the argument, its value is unknown, too. Such a value is recognized: it equals the value
that the provider generates for this argument of this resource.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.harness.offline.engine.made_up import make_known
from tests.harness.offline.protocol.schema import Attribute, Block
from tests.harness.plan.view import UNKNOWN

# The text with which checkov replaces a value known only after apply
# (checkov.common.util.consts.TRUE_AFTER_UNKNOWN; a test compares the two).
SENTINEL: Final = "true_after_unknown"

# Attributes that a provider computes only from the configuration and from its defaults. Their
# resolved values are correct, also if the resource does not set them.
_DERIVED = ("tags_all", "terraform_labels", "effective_labels")


class _Nothing:
    """A value that a document omits, as distinct from null."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()

# Returns the values that a provider would generate for an attribute of a block, each with the
# fingerprint in it.
_Generate = Callable[[Block, str], list[tuple[str, Any]]]


@dataclass(frozen=True, slots=True)
class _Setting:
    """How the configuration sets a value.

    Attributes:
        how: ``set``, ``unset``, ``unsure`` or ``dynamic``. A dynamic block is not in the
            configuration. If the plan knows its bodies, they come from a dynamic block. If not, the
            provider computes them, for example ``logging`` of a bucket.
        expressions: the expressions of the bodies of a block.
        block: the schema of the block.
        open: whether bodies come from a dynamic block, which the configuration omits. The schema
            then shows which arguments can be set.
        generated: the values that the provider would generate if this is null, each with the
            fingerprint in it.
    """

    how: str
    expressions: tuple[Mapping[str, Any], ...] = ()
    block: Block | None = None
    open: bool = False
    generated: tuple[tuple[str, Any], ...] = ()

    def of(self, name: str, generate: _Generate) -> _Setting:
        """The setting of an argument or block inside this one."""
        if name in _DERIVED:
            return _Setting("set")
        if self.block is None and not self.expressions:
            # A part of a value such as a map, which is set as a whole.
            return self
        nested = self.block.blocks.get(name) if self.block else None
        inner = nested.block if nested else None
        expressions = [e[name] for e in self.expressions if e.get(name)]
        attribute = self.block.attributes.get(name) if self.block else None
        if any(isinstance(e, Mapping) and _is_leaf(e) for e in expressions):
            if self.block is None or attribute is None or not attribute.computed:
                return _Setting("set")
            return _Setting("set", generated=tuple(generate(self.block, name)))
        if expressions:
            bodies = [body for e in expressions for body in (e if isinstance(e, list) else [e])]
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


def _generator(resource_type: str, block: Block | None, resolved: Mapping[str, Any]) -> _Generate:
    """The function that generates values with the fingerprints of a resource.

    The computed id and ARN of the resource show its fingerprints.
    """
    own = block.attributes if block else {}
    fingerprints = {
        text[-8:]
        for name, text in resolved.items()
        if name in own and own[name].computed and not own[name].optional
        if isinstance(text, str) and re.search(r"[0-9a-f]{8}$", text)
    }

    def generate(of: Block, name: str) -> list[tuple[str, Any]]:
        only_attribute = Block({name: of.attributes[name]}, {})
        unknown = {name: UNKNOWN}
        return [
            (fingerprint, make_known(resource_type, only_attribute, unknown, fingerprint)[name])
            for fingerprint in sorted(fingerprints)
        ]

    return generate


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

    A set value that ``resolved`` does not know either becomes :data:`SENTINEL`. A value that is not
    set, or is set to null, is omitted.

    Args:
        resource_type: the type, for example ``aws_lb``.
        planned: the values after apply in the plain plan, unknown ones ``UNKNOWN``.
        resolved: the values in the resolved plan; None to use the plain plan only.
        expressions: the ``expressions`` of the resource in the configuration of the plan.
        block: the schema of the type; None if it has none, as ``terraform_data``.
    """
    # The placeholder distinguishes a resource without arguments from a part of a value.
    top = _Setting("set", (expressions or {"": None},), block)
    combination = _Combination(_generator(resource_type, block, resolved or {}))
    return combination.body(planned, resolved, top)


def _part(resolved: Any, step: Any) -> Any:
    if isinstance(resolved, Mapping):
        return resolved.get(step)
    return UNKNOWN


@dataclass(frozen=True, slots=True)
class _Combination:
    """Combines the values of one resource."""

    generate: _Generate

    def body(self, planned: Mapping[str, Any], resolved: Any, setting: _Setting) -> dict[str, Any]:
        return {
            name: value
            for name, part in planned.items()
            if (value := self.value(part, _part(resolved, name), setting.of(name, self.generate)))
            is not NOTHING
        }

    def value(self, planned: Any, resolved: Any, setting: _Setting) -> Any:
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
        """The resolved value of an unknown value. Of the body of a block, only what is set."""
        if setting.how in ("unset", "dynamic") or value is None:
            return NOTHING
        if setting.how == "unsure" or value is UNKNOWN:
            return SENTINEL
        for fingerprint, generated in setting.generated:
            if value == generated:
                # A number or a bool contains no fingerprint, so it may also be the set value.
                return NOTHING if fingerprint in repr(generated) else SENTINEL
        if isinstance(value, Mapping):
            parts = {n: self.resolved(v, setting.of(n, self.generate)) for n, v in value.items()}
            return {name: part for name, part in parts.items() if part is not NOTHING}
        if isinstance(value, list):
            parts_of = [self.resolved(part, setting) for part in value]
            return [part for part in parts_of if part is not NOTHING]
        return value

    def items(self, planned: list[Any], resolved: Any, setting: _Setting) -> list[Any]:
        candidates = list(resolved) if isinstance(resolved, list) else []
        combined = []
        if setting.block is not None and len(planned) > len(setting.expressions):
            # More bodies than the configuration shows: some come from a dynamic block.
            setting = replace(setting, open=True)
        for item in planned:
            # A set is sorted by its values, so known values can change the position of an item.
            index = next((i for i, other in enumerate(candidates) if _agree(item, other)), None)
            other = UNKNOWN if index is None else candidates.pop(index)
            value = self.value(item, other, setting)
            if value is not NOTHING:
                combined.append(value)
        return combined


def _agree(planned: Any, resolved: Any) -> bool:
    """Whether the known parts of both values are equal."""
    if planned is UNKNOWN or resolved is UNKNOWN:
        return True
    if isinstance(planned, Mapping) and isinstance(resolved, Mapping):
        return all(_agree(part, resolved.get(name)) for name, part in planned.items())
    if isinstance(planned, list) and isinstance(resolved, list):
        return len(planned) == len(resolved) and all(
            map(_agree, planned, resolved)  # also in the order of a set's elements
        )
    return bool(planned == resolved)
