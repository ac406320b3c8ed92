"""HCL expressions as trees, which are evaluated, or folded with known values.

The module models the evaluation of Terraform, for the part of the language in which the rules and
names of the modules are written. An unsupported expression raises :class:`Unreadable`. The suite
compares the model with Terraform: it plans every input that the model considers valid or invalid.
Source: the HCL native syntax specification and the function reference of Terraform.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import hcl2
from lark import Token, Tree

from tests.harness.hcl.functions import FUNCTIONS, EvaluationError, same, text


class Unreadable(Exception):  # noqa: N818 - it reports a limit of the model and no error in HCL
    """The model does not support a part of an expression."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of an expression tree.

    ``reads`` and ``names`` are computed once, because they are read far more often than a node is
    created.

    Attributes:
        kind: ``literal``, ``name``, ``attribute``, ``index``, ``splat``, ``call``, ``operator``,
            ``if``, ``template``, ``tuple``, ``object``, ``for`` or ``for_object``.
        value: the value of a literal, a name, or an operator.
        parts: the child nodes.
        reads: root and first attribute of each reference at or below the node.
        names: the names at or below the node.
    """

    kind: str
    value: Any = None
    parts: tuple[Node, ...] = ()
    reads: frozenset[tuple[str, str]] = field(init=False, repr=False, compare=False)
    names: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named = _reference(self)
        own_reads = frozenset((named,)) if named else frozenset()
        own_names = frozenset((str(self.value),)) if self.kind == "name" else frozenset()
        reads = own_reads.union(*(part.reads for part in self.parts))
        object.__setattr__(self, "reads", reads)
        object.__setattr__(self, "names", own_names.union(*(part.names for part in self.parts)))

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for part in self.parts:
            yield from part.walk()


def literal(value: Any) -> Node:
    """A node that is a value."""
    return Node("literal", value)


# ---- Reading ----


def _significant(tree: Tree[Any]) -> list[Any]:
    skipped = ("new_line_or_comment",)
    return [c for c in tree.children if not (isinstance(c, Tree) and c.data in skipped)]


def _trees(tree: Tree[Any]) -> list[Tree[Any]]:
    return [child for child in _significant(tree) if isinstance(child, Tree)]


def _word(tree: Tree[Any]) -> str:
    return str(tree.children[0])


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}


def _unescaped(chars: str) -> str:
    out, i = [], 0
    while i < len(chars):
        if chars[i] == "\\" and i + 1 < len(chars):
            out.append(_ESCAPES.get(chars[i + 1], chars[i : i + 2]))
            i += 2
        else:
            out.append(chars[i])
            i += 1
    return "".join(out)


def _string(tree: Tree[Any]) -> Node:
    parts = []
    for part in _trees(tree):
        (inner,) = part.children
        if isinstance(inner, Tree):
            if inner.data != "interpolation":
                raise Unreadable(f"a template directive ({inner.data})")
            parts.append(_node(_trees(inner)[0]))
        else:
            chars = str(inner)
            escaped = chars.startswith(("$${", "%%{"))
            parts.append(literal(chars[1:] if escaped else _unescaped(chars)))
    if all(isinstance(part.value, str) and part.kind == "literal" for part in parts):
        return literal("".join(part.value for part in parts))
    return Node("template", None, tuple(parts))


def _get(base: Node, step: Tree[Any]) -> Node:
    if step.data == "get_attr":
        return Node("attribute", _word(_trees(step)[0]), (base,))
    if step.data == "short_index":
        index = next(str(c) for c in step.children if isinstance(c, Token) and str(c).isdigit())
        return Node("index", None, (base, literal(int(index))))
    return Node("index", None, (base, _node(_trees(step)[0])))


def _for(tree: Tree[Any]) -> Node:
    intro, *rest = _trees(tree)
    *names, source = _trees(intro)
    condition = next((_node(_trees(t)[0]) for t in rest if t.data == "for_cond"), literal(True))
    bodies = [_node(t) for t in rest if t.data != "for_cond"]
    grouped = any(str(child) == "..." for child in tree.children if isinstance(child, Token))
    kind = "for" if tree.data == "for_tuple_expr" else "for_object"
    value = (tuple(_word(name) for name in names), grouped)
    return Node(kind, value, (_node(source), condition, *bodies))


def _call(tree: Tree[Any]) -> Node:
    name, *rest = _trees(tree)
    arguments = rest[0] if rest else None
    parts = tuple(_node(child) for child in _trees(arguments)) if arguments else ()
    spread = arguments is not None and any(
        str(c) == "..." for c in arguments.children if isinstance(c, Token)
    )
    return Node("call", (_word(name), spread), parts)


def _object(tree: Tree[Any]) -> Node:
    parts: list[Node] = []
    for element in _trees(tree):
        key, value = _trees(element)
        inner = key.children[0]
        if isinstance(inner, Tree) and inner.data == "expr_term":
            term = _trees(inner)
            bare = len(inner.children) == 1 and term and term[0].data == "identifier"
            parts.append(literal(_word(term[0])) if bare else _node(inner))
        else:
            parts.append(literal(_word(inner)) if isinstance(inner, Tree) else literal(str(inner)))
        parts.append(_node(value))
    return Node("object", None, tuple(parts))


def _splat(tree: Tree[Any]) -> Node:
    base, splat = _trees(tree)
    each = Node("name", "*")
    for step in _trees(splat):
        each = _get(each, step)
    return Node("splat", None, (_node(base), each))


def _node(tree: Tree[Any]) -> Node:
    match tree.data:
        case "expr_term":
            return _node(_trees(tree)[0])
        case "int_lit":
            return literal(int(_word(tree)))
        case "float_lit":
            return literal(float(_word(tree)))
        case "literal_value":
            return literal({"true": True, "false": False, "null": None}[_word(tree)])
        case "identifier":
            return Node("name", _word(tree))
        case "string":
            return _string(tree)
        case "tuple":
            return Node("tuple", None, tuple(_node(item) for item in _trees(tree)))
        case "object":
            return _object(tree)
        case "function_call":
            return _call(tree)
        case "get_attr_expr_term" | "index_expr_term":
            base, step = _trees(tree)
            return _get(_node(base), step)
        case "full_splat_expr_term" | "attr_splat_expr_term":
            return _splat(tree)
        case "for_tuple_expr" | "for_object_expr":
            return _for(tree)
        case "conditional":
            return Node("if", None, tuple(_node(part) for part in _trees(tree)))
        case "binary_op":
            left, term = _trees(tree)
            sign, right = _trees(term)
            return Node("operator", _word(sign).strip(), (_node(left), _node(right)))
        case "unary_op":
            sign_token = str(tree.children[0])
            return Node("operator", f"unary{sign_token}", (_node(_trees(tree)[0]),))
        case _:
            raise Unreadable(f"{tree.data}")


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a block: attributes as trees, and blocks as (type, labels, body, line)."""

    attributes: Mapping[str, Node | Unreadable]
    blocks: tuple[tuple[str, tuple[str, ...], Body, int], ...]

    def of_type(self, kind: str) -> list[tuple[tuple[str, ...], Body, int]]:
        """The blocks of a type: labels, body and the number of the first line."""
        return [(labels, body, line) for name, labels, body, line in self.blocks if name == kind]


def _readable(tree: Tree[Any]) -> Node | Unreadable:
    try:
        return _node(tree)
    except Unreadable as error:
        return error


def _body(tree: Tree[Any]) -> Body:
    attributes: dict[str, Node | Unreadable] = {}
    blocks = []
    for child in _trees(tree):
        if child.data == "attribute":
            name, value = _trees(child)
            attributes[_word(name)] = _readable(value)
        else:
            name, *labels, body = _trees(child)
            words = tuple(
                "".join(str(t) for t in label.scan_values(lambda t: str(t) != '"'))
                for label in labels
            )
            first = next(name.scan_values(lambda _: True))
            blocks.append((_word(name), words, _body(body), int(first.line)))
    return Body(attributes, tuple(blocks))


@lru_cache(maxsize=256)
def parsed(document: str) -> Body:
    """The text of a file as a body. Equal texts are parsed once."""
    return _body(_trees(hcl2.parses_to_tree(document))[0])


# ---- Evaluating ----


@dataclass(frozen=True, slots=True)
class Scope:
    """The values of names in an expression.

    Attributes:
        variables: the values of the inputs.
        locals: the local values of the module as trees.
        names: the names that a ``for`` binds.
        path: the value of ``path.module``.
        constants: a cache of locals that read no input, shared by all scopes of a module.
        computed: a cache of the other locals.
    """

    variables: Mapping[str, Any]
    locals: Mapping[str, Node | Unreadable] = field(default_factory=dict)
    names: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    constants: dict[str, Any] = field(default_factory=dict)
    computed: dict[str, Any] = field(default_factory=dict)

    def bound(self, **names: Any) -> Scope:
        """The scope inside a ``for``."""
        return replace(self, names={**self.names, **names})


def _reference(node: Node) -> tuple[str, str] | None:
    """Root and first attribute of a reference such as ``var.x`` or ``local.y``."""
    if node.kind == "attribute" and node.parts[0].kind == "name":
        return str(node.parts[0].value), str(node.value)
    return None


def references(node: Node, scope: Scope, root: str = "var") -> frozenset[str]:
    """The variables that an expression reads, directly or through locals."""
    variables = {name for of, name in node.reads if of == root}
    if root == "var":
        for of, name in node.reads:
            if of == "local":
                variables |= _local_references(name, scope)
    return frozenset(variables)


def _local_references(name: str, scope: Scope) -> frozenset[str]:
    # The cache also holds the values of locals. A name with a space is not the name of a local.
    key = f"references of {name}"
    if key not in scope.constants:
        body = scope.locals.get(name)
        scope.constants[key] = references(body, scope) if isinstance(body, Node) else frozenset()
    variables: frozenset[str] = scope.constants[key]
    return variables


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return [(key, value[key]) for key in sorted(value)]
    if isinstance(value, list):
        return list(enumerate(value))
    raise EvaluationError(f"a for expression over {type(value).__name__}")


def _iterated(node: Node, scope: Scope) -> Iterator[Scope]:
    names, _ = node.value
    for key, value in _pairs(evaluate(node.parts[0], scope)):
        bound = {names[0]: value} if len(names) == 1 else {names[0]: key, names[1]: value}
        inner = scope.bound(**bound)
        if evaluate(node.parts[1], inner) is True:
            yield inner


def _name(node: Node, scope: Scope) -> Any:
    if node.value in scope.names:
        return scope.names[node.value]
    raise Unreadable(f"the name {node.value}")


def _attribute(node: Node, scope: Scope) -> Any:
    named = _reference(node)
    if named and named[0] not in scope.names:
        root, name = named
        if root == "var":
            if name not in scope.variables:
                raise Unreadable(f"var.{name}, which is not declared")
            return scope.variables[name]
        if root == "path" and name == "module":
            return scope.path
        if root == "local":
            return _local(name, scope)
        raise Unreadable(f"{root}.{name}")
    base = evaluate(node.parts[0], scope)
    if isinstance(base, dict) and node.value in base:
        return base[node.value]
    raise EvaluationError(f"no attribute {node.value}")


def _local(name: str, scope: Scope) -> Any:
    body = scope.locals.get(name)
    if not isinstance(body, Node):
        raise Unreadable(f"local.{name}")
    computed = scope.computed if _local_references(name, scope) else scope.constants
    if name not in computed:
        computed[name] = evaluate(body, replace(scope, names={}))
    return computed[name]


def _index(node: Node, scope: Scope) -> Any:
    base, key = (evaluate(part, scope) for part in node.parts)
    try:
        if isinstance(base, list) and isinstance(key, int) and key >= 0:
            return base[key]
        if isinstance(base, dict):
            return base[text(key)]
    except (IndexError, KeyError):
        pass
    raise EvaluationError(f"no element {key!r}")


def _splatted(node: Node, scope: Scope) -> Any:
    base = evaluate(node.parts[0], scope)
    items = base if isinstance(base, list) else [] if base is None else [base]
    return [evaluate(node.parts[1], scope.bound(**{"*": item})) for item in items]


def _called(node: Node, scope: Scope) -> Any:
    name, spread = node.value
    if name == "can":
        return _succeeds(node.parts[0], scope)
    if name == "try":
        for part in node.parts:
            if _succeeds(part, scope):
                return evaluate(part, scope)
        raise EvaluationError("no expression of try succeeds")
    function = FUNCTIONS.get(name)
    if function is None:
        raise Unreadable(f"the function {name}")
    arguments = [evaluate(part, scope) for part in node.parts]
    if spread:
        arguments = [*arguments[:-1], *arguments[-1]]
    try:
        return function(*arguments)
    except EvaluationError:
        raise
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        raise EvaluationError(f"{name}: {error}") from error


def _succeeds(node: Node, scope: Scope) -> bool:
    try:
        evaluate(node, scope)
    except EvaluationError:
        return False
    return True


_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


def _operated(node: Node, scope: Scope) -> Any:
    sign = node.value
    left = evaluate(node.parts[0], scope)
    if sign == "unary!":
        return not _boolean(left)
    if sign == "unary-":
        return -_number(left)
    # Terraform 1.12 also skips the right side if the left side decides. No rule depends on that.
    if sign in ("&&", "||"):
        if _boolean(left) is (sign == "||"):
            return left
        return _boolean(evaluate(node.parts[1], scope))
    right = evaluate(node.parts[1], scope)
    if sign in ("==", "!="):
        return same(left, right) is (sign == "==")
    return _ARITHMETIC[sign](_number(left), _number(right))


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise EvaluationError(f"{value!r} is not a bool")


def _number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise EvaluationError(f"{value!r} is not a number")


def _grouped(node: Node, scope: Scope) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    for inner in _iterated(node, scope):
        key = text(evaluate(node.parts[2], inner))
        value = evaluate(node.parts[3], inner)
        if node.value[1]:
            groups.setdefault(key, []).append(value)
        elif key in groups:
            raise EvaluationError(f"duplicate key {key}")
        else:
            groups[key] = value
    return groups


def evaluate(node: Node, scope: Scope) -> Any:
    """The value of an expression: str, int, float, bool, None, list or dict.

    Raises:
        EvaluationError: Terraform would fail here; ``can`` and ``try`` catch the error.
        Unreadable: the model does not support a part of the expression.
    """
    match node.kind:
        case "literal":
            return node.value
        case "name":
            return _name(node, scope)
        case "attribute":
            return _attribute(node, scope)
        case "index":
            return _index(node, scope)
        case "splat":
            return _splatted(node, scope)
        case "call":
            return _called(node, scope)
        case "operator":
            return _operated(node, scope)
        case "if":
            chosen = 1 if _boolean(evaluate(node.parts[0], scope)) else 2
            return evaluate(node.parts[chosen], scope)
        case "template":
            return "".join(text(evaluate(part, scope)) for part in node.parts)
        case "tuple":
            return [evaluate(part, scope) for part in node.parts]
        case "object":
            keys, values = node.parts[::2], node.parts[1::2]
            return {
                text(evaluate(k, scope)): evaluate(v, scope)
                for k, v in zip(keys, values, strict=True)
            }
        case "for":
            return [evaluate(node.parts[2], inner) for inner in _iterated(node, scope)]
        case "for_object":
            return _grouped(node, scope)
        case _:
            raise Unreadable(node.kind)


# ---- Folding ----


def fold(node: Node, scope: Scope, hole: str) -> Node:
    """Compute all parts of an expression that do not read ``var.<hole>``.

    The body of a local that reads the variable replaces its name. A loop over known values is
    unrolled. A conditional with a known condition is replaced with the selected branch.

    Raises:
        EvaluationError: the evaluation of a part that does not read the variable fails.
        Unreadable: the model does not support a part that does not read the variable.
    """
    return _fold(node, scope, hole, frozenset())


def _depends_on(node: Node, scope: Scope, hole: str, bound: frozenset[str]) -> bool:
    return not bound.isdisjoint(node.names) or any(
        name == hole if of == "var" else of == "local" and hole in _local_references(name, scope)
        for of, name in node.reads
    )


def _fold(node: Node, scope: Scope, hole: str, bound: frozenset[str]) -> Node:
    if not _depends_on(node, scope, hole, bound):
        return literal(evaluate(node, scope))
    named = _reference(node)
    if named and named[0] == "local" and named[1] not in scope.names:
        body = scope.locals.get(named[1])
        if not isinstance(body, Node):
            raise Unreadable(f"local.{named[1]}")
        return _fold(body, replace(scope, names={}), hole, frozenset())
    if named == ("var", hole) or node.kind == "name":
        return node
    if node.kind in ("for", "for_object"):
        return _fold_for(node, scope, hole, bound)
    if node.kind == "if":
        return _fold_if(node, scope, hole, bound)
    if node.kind == "call" and node.value[0] in ("can", "try"):
        return _fold_attempt(node, scope, hole, bound)
    parts = tuple(_fold(part, scope, hole, bound) for part in node.parts)
    head = (node.kind, node.value)
    if node.kind == "operator" and node.value in ("&&", "||"):
        return _fold_logic(node.value, parts)
    if node.kind == "call" and node.value[0] == "coalesce" and parts[0].kind == "literal":
        arguments = parts if parts[0].value not in (None, "") else parts[1:]
        return (
            arguments[0]
            if arguments[0].kind == "literal" or len(arguments) == 1
            else Node(*head, arguments)
        )
    if node.kind == "call" and node.value[0] == "lookup":
        return _fold_lookup(Node(*head, parts))
    if node.kind == "call" and node.value[0] in ("alltrue", "anytrue", "flatten"):
        return _fold_list(Node(node.kind, node.value, parts))
    return Node(node.kind, node.value, parts)


def _fold_attempt(node: Node, scope: Scope, hole: str, bound: frozenset[str]) -> Node:
    # A part that fails for every value of the variable fails the attempt and not the rule.
    parts = []
    for part in node.parts:
        try:
            parts.append(_fold(part, scope, hole, bound))
        except EvaluationError:
            if node.value[0] == "can":
                return literal(False)
    return Node(node.kind, node.value, tuple(parts))


def _fold_lookup(node: Node) -> Node:
    table, key, *_ = node.parts
    if table.kind == key.kind == "literal" and text(key.value) in table.value:
        return literal(table.value[text(key.value)])
    return node


def _fold_logic(sign: str, parts: tuple[Node, ...]) -> Node:
    decides = sign == "||"
    undecided = [
        part for part in parts if not (part.kind == "literal" and part.value is not decides)
    ]
    if any(part.kind == "literal" for part in undecided):
        return literal(decides)
    if not undecided:
        return literal(not decides)
    return Node("operator", sign, tuple(undecided)) if len(undecided) == 2 else undecided[0]


def _fold_if(node: Node, scope: Scope, hole: str, bound: frozenset[str]) -> Node:
    condition = _fold(node.parts[0], scope, hole, bound)
    if condition.kind == "literal":
        return _fold(node.parts[1 if condition.value else 2], scope, hole, bound)
    return Node("if", None, (condition, *(_fold(p, scope, hole, bound) for p in node.parts[1:])))


def _fold_for(node: Node, scope: Scope, hole: str, bound: frozenset[str]) -> Node:
    source, condition, *bodies = node.parts
    names, _ = node.value
    if node.kind == "for" and not _depends_on(source, scope, hole, bound):
        if _depends_on(condition, scope, hole, bound):
            raise Unreadable("a for expression over known values with a filter on the variable")
        return Node(
            "tuple",
            None,
            tuple(_fold(bodies[0], inner, hole, bound) for inner in _iterated(node, scope)),
        )
    inner_bound = bound | set(names)
    hidden = replace(scope, names={k: v for k, v in scope.names.items() if k not in names})
    return Node(
        node.kind,
        node.value,
        (
            _fold(source, scope, hole, bound),
            *(_fold(part, hidden, hole, inner_bound) for part in (condition, *bodies)),
        ),
    )


def _fold_list(node: Node) -> Node:
    (source,) = node.parts
    if source.kind != "tuple":
        return node
    if node.value[0] == "flatten":
        items: list[Node] = []
        for item in source.parts:
            if item.kind == "tuple":
                items += item.parts
            elif item.kind == "literal" and isinstance(item.value, list):
                items += [literal(value) for value in item.value]
            else:
                return node
        return Node("tuple", None, tuple(items))
    # alltrue and anytrue over an unrolled list are a chain of && and ||.
    every = node.value[0] == "alltrue"
    chain = literal(every)
    for item in source.parts:
        chain = _fold_logic("&&" if every else "||", (chain, item))
    return chain
