"""What a rule admits of one input, read from its condition; and hypothesis strategies made of it.

A condition is folded with all that is known beside the input and then read part by part. A part
that only takes something away (``!``, ``!=``) is left to a filter. A part of a form that is not
known here raises :class:`NoStrategy`: such an input needs a strategy by hand.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.harness.hcl.expressions import Node, Scope, Unreadable, evaluate, literal
from tests.harness.hcl.functions import EvaluationError, pattern

# Of a collection or number without an upper limit these many more than the lower one are tried.
_MORE_ITEMS = 4
_MORE = 1000


class NoStrategy(LookupError):  # noqa: N818 - what is missing is a strategy, nothing is wrong
    """A rule or a type is of a form that no strategy is derived from."""


@dataclass(frozen=True, slots=True)
class Domain:
    """What is admitted of a value: all fields must hold; None and empty ones say nothing.

    ``values`` are all there are. ``low``, ``high`` and ``whole`` are of numbers, ``patterns`` of
    strings, ``least``, ``most`` and ``unique`` of collections, ``items`` and ``keys`` of what they
    hold. Of each tuple in ``either`` one must hold. ``filters`` are conditions on ``hole``.
    """

    values: tuple[Any, ...] | None = None
    low: float | None = None
    high: float | None = None
    whole: bool = False
    patterns: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    unique: bool = False
    items: Domain | None = None
    keys: Domain | None = None
    either: tuple[tuple[Domain, ...], ...] = ()
    filters: tuple[tuple[Node, Node], ...] = ()


def _larger(one: Any, other: Any) -> Any:
    return max((v for v in (one, other) if v is not None), default=None)


def _smaller(one: Any, other: Any) -> Any:
    return min((v for v in (one, other) if v is not None), default=None)


def _inner(one: Domain | None, other: Domain | None) -> Domain | None:
    return merged(one, other) if one and other else one or other


def merged(one: Domain, other: Domain) -> Domain:
    """The domain of what is in both."""
    values = one.values if other.values is None else other.values
    if one.values is not None and other.values is not None:
        values = tuple(v for v in one.values if v in other.values)
    return Domain(
        values=values,
        low=_larger(one.low, other.low),
        high=_smaller(one.high, other.high),
        whole=one.whole or other.whole,
        patterns=one.patterns + other.patterns,
        least=_larger(one.least, other.least),
        most=_smaller(one.most, other.most),
        unique=one.unique or other.unique,
        items=_inner(one.items, other.items),
        keys=_inner(one.keys, other.keys),
        either=one.either + other.either,
        filters=one.filters + other.filters,
    )


# ---- Reading a condition ----


def _is_call(node: Node, name: str) -> bool:
    return node.kind == "call" and node.value[0] == name


def _measure(node: Node, hole: Node) -> tuple[str, bool] | None:
    """What of the input a side of a comparison is: itself, or the length of it or of its set."""
    if node == hole:
        return "value", False
    if _is_call(node, "length"):
        (of,) = node.parts
        if of == hole:
            return "length", False
        if _is_call(of, "distinct") and of.parts[0] == hole:
            return "length", True
    return None


_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


def _bounds(sign: str, limit: Any) -> tuple[Any, Any]:
    """Lowest and highest value that ``sign`` leaves; open ends of whole numbers are one further."""
    return {
        "<": (None, limit - 1),
        "<=": (None, limit),
        ">": (limit + 1, None),
        ">=": (limit, None),
        "==": (limit, limit),
    }[sign]


def _compared(node: Node, hole: Node) -> Domain:
    left, right = node.parts
    sign = str(node.value)
    if left.kind == "literal":
        left, right, sign = right, left, _MIRRORED[sign]
    if sign == "==" and right == hole and _is_call(left, "floor"):
        left, right = right, left
    if sign == "==" and left == hole and _is_call(right, "floor") and right.parts == (hole,):
        return Domain(whole=True)
    measure = _measure(left, hole)
    if sign == "==" and {_measure(left, hole), _measure(right, hole)} == {
        ("length", False),
        ("length", True),
    }:
        return Domain(unique=True)
    if right.kind != "literal":
        raise NoStrategy(f"a comparison ({sign}) with what is no constant")
    if sign == "==" and isinstance(right.value, bool) and left != hole:
        return read(left if right.value else Node("operator", "unary!", (left,)), hole)
    if sign == "!=":
        return Domain(filters=((node, hole),))
    if measure is None:
        raise NoStrategy(f"a comparison ({sign}) of what is neither the input nor its length")
    if measure[0] == "value" and sign == "==":
        return Domain(values=(right.value,))
    low, high = _bounds(sign, right.value)
    if measure[0] == "value":
        return Domain(low=low, high=high)
    return Domain(least=low, most=high, unique=measure[1])


def _looped(node: Node, hole: Node) -> Domain:
    """``alltrue([for ...])`` over the input: what it says of items and of keys."""
    (loop,) = node.parts
    if loop.kind != "for":
        raise NoStrategy("alltrue of what is no loop")
    source, condition, body = loop.parts
    names, _ = loop.value
    if condition != literal(True):
        raise NoStrategy("a loop with a filter")
    over = next(
        (kind for kind in ("keys", "values") if _is_call(source, kind) and source.parts[0] == hole),
        "items" if source == hole else "",
    )
    if not over:
        raise NoStrategy("a loop over what is not the input")
    found = Domain()
    for part in _conjuncts(body):
        used = {str(n.value) for n in part.walk() if n.kind == "name"} & set(names)
        if len(used) != 1:
            return Domain(filters=((node, hole),))
        (name,) = used
        inner = read(part, Node("name", name))
        of_key = over == "keys" or (len(names) == 2 and name == names[0])
        found = merged(found, Domain(keys=inner) if of_key else Domain(items=inner))
    return found


def _conjuncts(node: Node) -> Iterator[Node]:
    if node.kind == "operator" and node.value == "&&":
        for part in node.parts:
            yield from _conjuncts(part)
    else:
        yield node


def _operator(node: Node, hole: Node) -> Domain:
    sign = node.value
    if sign == "&&":
        return merged(read(node.parts[0], hole), read(node.parts[1], hole))
    if sign == "||":
        return Domain(either=(tuple(read(part, hole) for part in node.parts),))
    if sign == "unary!":
        return Domain(filters=((node, hole),))
    return _compared(node, hole)


def _call(node: Node, hole: Node) -> Domain:
    if _is_call(node, "can") and _is_call(node.parts[0], "regex"):
        source, value = node.parts[0].parts
        if source.kind == "literal" and value == hole:
            return Domain(patterns=(str(source.value),))
    if _is_call(node, "contains") and node.parts[0].kind == "literal":
        values, value = node.parts[0].value, node.parts[1]
        if value == hole:
            return Domain(values=tuple(values))
        if _is_call(value, "tostring") and value.parts == (hole,):
            return Domain(values=tuple(int(v) if v.isdigit() else v for v in values))
    if _is_call(node, "startswith") and node.parts[0] == hole and node.parts[1].kind == "literal":
        return Domain(patterns=(f"^{re.escape(str(node.parts[1].value))}",))
    if _is_call(node, "alltrue"):
        return _looped(node, hole)
    raise NoStrategy(f"{node.value[0]}(...)")


def read(node: Node, hole: Node) -> Domain:
    """What a folded condition admits of ``hole``.

    Raises:
        NoStrategy: a part of it is of a form that is not known here.
    """
    if node.kind == "literal":
        return Domain() if node.value is True else Domain(values=())
    if node.kind == "operator":
        return _operator(node, hole)
    if node.kind == "call":
        return _call(node, hole)
    raise NoStrategy(f"a condition that is a {node.kind}")


# ---- Making strategies ----


def _kept(domain: Domain, value: Any) -> bool:
    """Whether the filters of a domain, alternatives included, admit a value."""
    for condition, hole in domain.filters:
        try:
            if evaluate(_filled(condition, hole, value), Scope({})) is not True:
                return False
        except (EvaluationError, Unreadable):
            return False
    return True


def _filled(node: Node, hole: Node, value: Any) -> Node:
    if node == hole:
        return literal(value)
    return replace(node, parts=tuple(_filled(part, hole, value) for part in node.parts))


def spread(domain: Domain) -> list[Domain]:
    """The domain with its alternatives written out: of these each stands alone."""
    bare = replace(domain, either=())
    found = []
    for chosen in product(*domain.either):
        whole = bare
        for one in chosen:
            whole = merged(whole, one)
        found += spread(whole) if whole.either else [whole]
    return found


def finite(domain: Domain) -> tuple[Any, ...] | None:
    """All values of a domain, where it lists them; None where it does not."""
    found: list[Any] = []
    for one in spread(domain):
        if one.values is None:
            return None
        found += [v for v in one.values if v not in found and _fits(one, v)]
    return tuple(found)


def _fitting(domain: Domain) -> Callable[[Any], bool]:
    # A closure: hypothesis writes out what a partial holds.
    def fits(value: Any) -> bool:
        return _fits(domain, value)

    return fits


def _fits(domain: Domain, value: Any) -> bool:
    if isinstance(value, str) and not all(pattern(p).search(value) for p in domain.patterns):
        return False
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = domain.low, domain.high
        if (low is not None and value < low) or (high is not None and value > high):
            return False
    if isinstance(value, list) and domain.least is not None and len(value) < domain.least:
        return False
    return _kept(domain, value)


# What a terminal, a log or a cloud's console would choke on is no input that anybody gives.
_CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Cn", "Co"))


def normal(value: str) -> str:
    """A string as Terraform keeps it: in Unicode's normal form C."""
    return unicodedata.normalize("NFC", value)


def _python_pattern(source: str) -> str:
    """A Go pattern for Python's own ``re``, which hypothesis generates from.

    Raises:
        NoStrategy: it has a class of Unicode characters, which ``re`` lacks.
    """
    if r"\p" in source:
        raise NoStrategy(f"a class of Unicode characters in {source}")
    spaced = source.replace("[:space:]", r"\s")
    return re.sub(r"(\\.|\[(?:\\.|[^\]\\])*\])|\$", lambda m: m[1] or r"\Z", spaced)


def _strings(domain: Domain) -> SearchStrategy[str]:
    if not domain.patterns:
        return st.text(_CHARACTERS, max_size=40).map(normal)
    first, *rest = sorted(domain.patterns, key=len, reverse=True)
    made = st.from_regex(_python_pattern(first), alphabet=_CHARACTERS).map(normal)
    return made.filter(lambda value: all(pattern(p).search(value) for p in [first, *rest]))


def _numbers(domain: Domain) -> SearchStrategy[Any]:
    low = 0 if domain.low is None and (domain.high is None or domain.high >= 0) else domain.low
    if low is None:
        low = (domain.high or 0) - _MORE
    high = low + _MORE if domain.high is None else domain.high
    whole = st.integers(int(low), int(high))
    if domain.whole:
        return whole
    tenths = st.integers(int(low * 10), int(high * 10)).map(lambda n: n / 10)
    return st.one_of(whole, tenths)


def _sizes(domain: Domain) -> list[tuple[int, int]]:
    least = domain.least or 0
    some = least + _MORE_ITEMS
    if domain.most is None or domain.most <= some:
        return [(least, some if domain.most is None else domain.most)]
    # The most there may be is where limits break.
    return [(least, some), (domain.most, domain.most)]


def _collections(shape: Node, domain: Domain) -> SearchStrategy[Any]:
    (inner,) = shape.parts
    items = strategy(inner, domain.items or Domain())
    if shape.value[0] in ("list", "set"):
        unique = domain.unique or shape.value[0] == "set"
        # Any item of a list compares by its written form: a dict has no hash.
        return st.one_of(
            [
                st.lists(items, min_size=low, max_size=high, unique_by=repr if unique else None)
                for low, high in _sizes(domain)
            ]
        )
    keys = strategy(Node("name", "string"), domain.keys or Domain())
    return st.one_of(
        [st.dictionaries(keys, items, min_size=low, max_size=high) for low, high in _sizes(domain)]
    )


def _objects(shape: Node) -> SearchStrategy[Any]:
    (body,) = shape.parts
    required, optional = {}, {}
    for key, kind in zip(body.parts[::2], body.parts[1::2], strict=True):
        if _is_call(kind, "optional"):
            optional[str(key.value)] = strategy(kind.parts[0], Domain())
        else:
            required[str(key.value)] = strategy(kind, Domain())
    return st.fixed_dictionaries(required, optional=optional)


def _of_type(shape: Node, domain: Domain) -> SearchStrategy[Any]:
    if shape.kind == "name":
        match shape.value:
            case "bool":
                return st.sampled_from([False, True])
            case "number":
                return _numbers(domain)
            case "string":
                return _strings(domain)
    if shape.kind == "call":
        match shape.value[0]:
            case "list" | "set" | "map":
                return _collections(shape, domain)
            case "tuple":
                return st.tuples(*(strategy(p, Domain()) for p in shape.parts[0].parts)).map(list)
            case "object":
                return _objects(shape)
    raise NoStrategy(f"the type {shape.value}")


def strategy(shape: Node, domain: Domain) -> SearchStrategy[Any]:
    """Values of a type within a domain; nothing at all where it lists no value.

    Raises:
        NoStrategy: the type, or a pattern, is of a form that nothing is derived from.
    """
    chosen: list[SearchStrategy[Any]] = []
    for one in spread(domain):
        if one.values is None:
            chosen.append(_of_type(shape, one).filter(_fitting(one)))
        else:
            held = [v for v in one.values if _fits(one, v)]
            if held:
                chosen.append(st.sampled_from(held))
    return st.one_of(chosen) if chosen else st.nothing()
