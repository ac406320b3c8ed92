"""What the released litellm package serves, read from its files and never run.

Three facts, each from the installed distribution ``litellm``: the routes of its proxy, the lists by
which it classifies them, and the files of the exported dashboard. The sources are parsed; nothing
of the package is imported, so none of its dependencies need be there.

A route counts if its router reaches the application of ``litellm/proxy/proxy_server.py``: by
``include_router``, by the table of lazy features, or as the application's own.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

DISTRIBUTION = "litellm"
# FastAPI's and Starlette's registering methods (their reference, APIRouter).
_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
_DECORATORS = (*_VERBS, "api_route", "route", "websocket", "websocket_route")
_ADDERS = ("add_api_route", "add_route", "add_api_websocket_route", "add_websocket_route", "mount")
# What FastAPI serves of itself unless told not to (its reference, class FastAPI).
_FASTAPI_ROUTES = ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc")
# Functions of the package that take a router or the application and add no route of their own;
# `attach_lazy_features` adds those of the table that is read here.
_REGISTER_NOTHING = ("attach_lazy_features", "instrument_fastapi_app", "reserve_lazy_slot")
# How a path parameter is written: {name} or {name:convertor}.
_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
# Values for parameters: one segment, and for the path convertor, which takes slashes, several.
_SEGMENT = "a1"
_DEEP = ("a1", "a1/b2/c3")


class LitellmMissingError(RuntimeError):
    """The litellm distribution is not installed, or is not one that this module can read."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the proxy.

    ``template`` has path parameters in braces. ``methods`` are HTTP methods, empty where any will
    do (a mount, a websocket). ``kind`` is ``http``, ``websocket``, ``mount``, or ``dashboard`` for
    a mount of the exported dashboard. ``source`` is the file inside the package.
    """

    template: str
    methods: tuple[str, ...]
    kind: str
    source: str

    @property
    def paths(self) -> tuple[str, ...]:
        """Concrete paths of the template; of a mount paths below it."""
        return examples(
            f"{self.template.rstrip('/')}/{{below:path}}" if self.below else self.template
        )

    @property
    def below(self) -> bool:
        """Whether all paths below the template are its own, as of a mount."""
        return self.kind in ("mount", "dashboard")


def package() -> Path:
    """The folder of the installed package, found without running any of it.

    Raises:
        LitellmMissingError: it is not installed; the message says what to run.
    """
    spec = importlib.util.find_spec(DISTRIBUTION)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places or not (Path(places[0]) / "proxy" / "proxy_server.py").is_file():
        raise LitellmMissingError(
            "the litellm package is not installed, so its routes can not be read: run "
            "`pip install --no-deps --group released` in this checkout, or the suite by tox"
        )
    return Path(places[0])


def version() -> str:
    """The version of the installed distribution.

    Raises:
        LitellmMissingError: it is not installed.
    """
    package()
    return importlib.metadata.version(DISTRIBUTION)


def examples(template: str) -> tuple[str, ...]:
    """Concrete paths for a template: ``/a/{b}`` gives ``/a/a1``; a path parameter gives two."""
    deep = any(convertor == "path" for _, convertor in _PARAMETER.findall(template))

    def filled(text: str) -> str:
        return _PARAMETER.sub(lambda m: text if m[2] == "path" else _SEGMENT, template)

    # "?{model}" stands for a query in the package's own lists; no load balancer matches one here.
    found = [filled(text).partition("?")[0] for text in (_DEEP if deep else _DEEP[:1])]
    return tuple(dict.fromkeys(found))


def served(folder: Path | None = None) -> tuple[Route, ...]:
    """Every route of the proxy, by template and methods, each once.

    Raises:
        LitellmMissingError: the package is not installed, or registers a route in a way that is
            not read here; the message names the place.
    """
    tree = _Package(folder or package())
    found = [*_own(tree), *_included(tree), *_lazy(tree)]
    return tuple(sorted(set(found), key=lambda route: (route.template, route.methods, route.kind)))


def classes(folder: Path | None = None) -> Mapping[str, frozenset[str]]:
    """The lists of ``LiteLLMRoutes`` in ``litellm/proxy/_types.py``: name to templates.

    A template may end in ``/*`` for everything below.

    Raises:
        LitellmMissingError: the package is not installed, or a list is not a constant.
    """
    module = _Package(folder or package()).module("litellm.proxy._types")
    body = next(
        node.body
        for node in module.tree.body
        if isinstance(node, ast.ClassDef) and node.name == "LiteLLMRoutes"
    )
    local: dict[str, Any] = {}
    for name, value in _assignments(body):
        local[name] = _value(module, value, local)
    return {name: frozenset(str(item) for item in value) for name, value in local.items()}


def covers(listed: str, template: str) -> bool:
    """Whether an entry of :func:`classes` covers a served template, whatever parameters are called.

    Equal templates cover each other, whatever convertors they name. Else a parameter without
    convertor stands for one segment, a path parameter and ``*`` for any.
    """
    if _PARAMETER.sub("{}", listed) == _PARAMETER.sub("{}", template):
        return True
    form = re.escape(_PARAMETER.sub(lambda m: "\0\0" if m[2] == "path" else "\0", listed))
    form = form.replace(re.escape("\0\0"), ".+").replace(re.escape("\0"), r"[^/]+")
    form = form.replace(r"\*", ".+")
    wanted = _PARAMETER.sub(lambda m: "\1/\1" if m[2] == "path" else "\1", template)
    return re.fullmatch(form, wanted) is not None


def dashboard(folder: Path | None = None) -> Mapping[str, tuple[str, ...]]:
    """The exported dashboard's files, each with the URL paths that it is asked for under.

    Files are named relative to ``litellm/proxy/_experimental/out``. ``X/index.html`` is the page at
    ``/ui/X``, ``/ui/X/`` (``proxy_server.py`` mounts the folder at ``/ui`` with ``html=True``), a
    page's payload (``.txt``) is asked for from the root of the site and below ``/ui``, ``_next``
    from the root, below ``/ui`` and below the asset prefix (both are mounted), ``assets`` and the
    files beside them from the root and below ``/ui``.

    Raises:
        LitellmMissingError: the package is not installed, or has no exported dashboard.
    """
    root = (folder or package()) / "proxy" / "_experimental" / "out"
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    if not files:
        raise LitellmMissingError(f"the litellm package has no exported dashboard in {root.name}")
    return {name: _asked_for(name) for name in files}


def _asked_for(name: str) -> tuple[str, ...]:
    ui = f"/ui/{name}"
    if name.startswith("_next/"):
        return (f"/{name}", ui, f"/litellm-asset-prefix/{name}")
    if name.endswith(".html"):
        page = name.removesuffix("index.html").removesuffix(".html")
        return (ui, f"/ui/{page}") + ((f"/ui/{page.rstrip('/')}",) if page else ("/", "/ui"))
    if name.endswith(".txt"):
        page = name.removesuffix("/index.txt")
        return (f"/{name}", ui) + ((f"/{page}.txt", f"/ui/{page}.txt") if page != name else ())
    return (f"/{name}", ui) if name.startswith("assets/") or name == "favicon.ico" else (ui,)


# ---- Registrations ----


def _own(tree: _Package) -> Iterator[Route]:
    source = "proxy/proxy_server.py"
    yield from (Route(path, ("GET",), "http", source) for path in _FASTAPI_ROUTES)
    yield from tree.registered("litellm.proxy.proxy_server", "app")
    # The callback `prometheus` mounts it once it is configured, from outside the proxy's folder.
    yield Route("/metrics", (), "mount", "integrations/prometheus.py")


def _included(tree: _Package) -> Iterator[Route]:
    yield from tree.includes("litellm.proxy.proxy_server", "app", "")


def _lazy(tree: _Package) -> Iterator[Route]:
    module = tree.module("litellm.proxy._lazy_features")
    yield from tree.registered(module.name, "router")
    for call in module.calls:
        if not (isinstance(call.func, ast.Name) and call.func.id == "LazyFeature"):
            continue
        given = {word.arg: word.value for word in call.keywords}
        name = str(_value(module, given["module_path"], {}))
        register = given.get("register_fn")
        attribute, mounted = "router", ""
        if isinstance(register, ast.Call):
            words = {word.arg: _value(module, word.value, {}) for word in register.keywords}
            values = [_value(module, part, {}) for part in register.args]
            if ast.unparse(register.func) == "_mount_app":
                mounted, attribute = values[0], words.get("attr_name", "app")
            else:
                attribute = values[0]
        if mounted:
            yield Route(mounted, (), "mount", tree.module(name).source)
            continue
        yield from tree.reached(name, attribute, "")


class _Module:
    """A parsed module of the package and what its names stand for."""

    def __init__(self, tree: _Package, name: str, path: Path) -> None:
        self.package, self.name, self.path = tree, name, path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))

    @property
    def source(self) -> str:
        return self.path.relative_to(self.package.folder).as_posix()

    @cached_property
    def assigned(self) -> Mapping[str, ast.expr]:
        # Also those inside `try` and `if` at the top: the last one wins.
        return dict(_assignments(_top(self.tree.body)))

    @cached_property
    def imported(self) -> Mapping[str, tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        for node in _top(self.tree.body):
            if isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                for alias in node.names:
                    if alias.name == "*":
                        found |= {name: (base, name) for name in self.package.module(base).assigned}
                    else:
                        found[alias.asname or alias.name] = (base, alias.name)
        return found

    @cached_property
    def calls(self) -> tuple[ast.Call, ...]:
        return tuple(node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    @cached_property
    def functions(self) -> tuple[ast.FunctionDef, ...]:
        return tuple(node for node in self.tree.body if isinstance(node, ast.FunctionDef))

    @cached_property
    def around(self) -> Mapping[int, ast.FunctionDef]:
        """The function of the module's top level around each call, by the call's identity."""
        return {
            id(call): function
            for function in self.functions
            for call in ast.walk(function)
            if isinstance(call, ast.Call)
        }

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        here = parts if self.path.name == "__init__.py" else parts[:-1]
        kept = here[: len(here) - node.level + 1]
        return ".".join([*kept, *([node.module] if node.module else [])])


class _Package:
    """The package's modules, parsed as they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._modules: dict[str, _Module] = {}

    def module(self, name: str) -> _Module:
        if name not in self._modules:
            base = self.folder.joinpath(*name.split(".")[1:])
            path = next(
                (p for p in (base / "__init__.py", base.with_suffix(".py")) if p.is_file()), None
            )
            if path is None:
                raise LitellmMissingError(f"the litellm package has no module {name}")
            self._modules[name] = _Module(self, name, path)
        return self._modules[name]

    def has(self, name: str) -> bool:
        try:
            self.module(name)
        except LitellmMissingError:
            return False
        return name.split(".")[0] == DISTRIBUTION

    def owner(self, name: str, router: str) -> tuple[str, str] | None:
        """The module and name that a router was made under; None for another distribution's."""
        for _ in range(9):
            module = self.module(name)
            head, _, rest = router.partition(".")
            if head in module.assigned and not rest:
                value = module.assigned[head]
                # `enterprise_router = _enterprise_router` hands another router on.
                if isinstance(value, ast.Name):
                    router = value.id
                    continue
                return name, head
            if head not in module.imported:
                return None
            base, attribute = module.imported[head]
            if self.has(f"{base}.{attribute}") and rest:
                name, router = f"{base}.{attribute}", rest
            elif self.has(base):
                name, router = base, attribute
            else:
                return None
        raise LitellmMissingError(f"{name}.{router} leads nowhere")

    def reached(self, name: str, router: str, prefix: str) -> Iterator[Route]:
        """The routes of a router and of all that it includes, below ``prefix``."""
        found = self.owner(name, router)
        if found is None:
            return
        name, router = found
        prefix += self._prefix(name, router)
        for route in self.registered(name, router):
            yield Route(prefix + route.template, route.methods, route.kind, route.source)
        yield from self.includes(name, router, prefix)

    def includes(self, name: str, router: str, prefix: str) -> Iterator[Route]:
        module = self.module(name)
        for call in module.calls:
            if _on(call, router, ("include_router",)) and id(call) not in module.around:
                word = next((w.value for w in call.keywords if w.arg == "prefix"), None)
                more = str(_value(module, word, {})) if word else ""
                yield from self.reached(name, ast.unparse(call.args[0]), prefix + more)

    def _prefix(self, name: str, router: str) -> str:
        module = self.module(name)
        made = module.assigned[router]
        words = made.keywords if isinstance(made, ast.Call) else []
        given = next((word.value for word in words if word.arg == "prefix"), None)
        return str(_value(module, given, {})) if given else ""

    def registered(self, name: str, router: str) -> Iterator[Route]:
        """What a module registers on a router of its own, without the router's prefix."""
        module = self.module(name)
        for call, scope in _registrations(module, router):
            yield _route(module, call, scope)
        yield from _by_function(self, module, router)


def _top(body: list[ast.stmt]) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for node in body:
        found.append(node)
        if isinstance(node, ast.If | ast.Try):
            inner = [*node.body, *node.orelse]
            inner += [*node.finalbody] if isinstance(node, ast.Try) else []
            found += _top(inner)
    return found


def _assignments(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _registrations(module: _Module, router: str) -> Iterator[tuple[ast.Call, Mapping[str, Any]]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and _on(call, router, _DECORATORS):
                    yield call, {}
    for call in module.calls:
        around = module.around.get(id(call))
        # A parameter of the function around the call may be any router.
        taken = around is not None and router in {argument.arg for argument in around.args.args}
        if _on(call, router, _ADDERS) and not taken:
            yield call, {}


def _on(call: ast.Call, router: str, methods: tuple[str, ...]) -> bool:
    return (
        isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == router
        and call.func.attr in methods
    )


def _route(module: _Module, call: ast.Call, scope: Mapping[str, Any]) -> Route:
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    words = {word.arg: word.value for word in call.keywords}
    path = call.args[0] if call.args else words["path"]
    template = str(_value(module, path, scope))
    if method == "mount":
        # `proxy_server.py` has the folder of the exported dashboard in `ui_path`.
        kind = "dashboard" if "ui_path" in ast.unparse(call) else "mount"
        return Route(template, (), kind, module.source)
    if "websocket" in method:
        return Route(template, (), "websocket", module.source)
    if method in _VERBS:
        return Route(template, (method.upper(),), "http", module.source)
    methods = _value(module, words["methods"], scope) if "methods" in words else ("GET",)
    return Route(template, tuple(sorted(methods)), "http", module.source)


def _by_function(tree: _Package, module: _Module, router: str) -> Iterator[Route]:
    """What functions that are handed the router register on it.

    There are two, each run at the module's top level: one registers the same paths below the
    prefixes of some objects (daily activity), one registers what a JSON file lists (containers).
    """
    for node in module.tree.body:
        if isinstance(node, ast.For):
            yield from _by_loop(tree, module, node, router)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            if any(isinstance(a, ast.Name) and a.id == router for a in call.args):
                yield from _by_file(tree, module, call)


def _by_loop(tree: _Package, module: _Module, loop: ast.For, router: str) -> Iterator[Route]:
    """Routes ``f"{prefix}/..."`` for each prefix of ``route_prefixes`` of what is looped over."""
    if not isinstance(loop.iter, ast.Tuple) or router not in ast.unparse(loop):
        return
    functions = [f for f in module.functions if "prefix" in {a.arg for a in f.args.args}]
    for item in loop.iter.elts:
        origin, name = tree.owner(module.name, ast.unparse(item)) or ("", "")
        made = tree.module(origin).assigned[name]
        words = {w.arg: w.value for w in made.keywords} if isinstance(made, ast.Call) else {}
        entity = _value(tree.module(origin), words["entity"], {})
        for prefix in _value(tree.module(origin), words["route_prefixes"], {}):
            for function in functions:
                if _limited_to(module, function.name) in ("", entity):
                    for call in _calls(function):
                        if _on(call, "router", _ADDERS):
                            yield _route(module, call, {"prefix": prefix})


def _limited_to(module: _Module, function: str) -> str:
    """The entity for which alone a function is called, by an ``if ... == "entity":`` around it."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Compare):
            called = {ast.unparse(call.func) for part in node.body for call in _calls(part)}
            compared = node.test.comparators[0]
            if function in called and isinstance(compared, ast.Constant):
                return str(compared.value)
    return ""


def _by_file(tree: _Package, module: _Module, call: ast.Call) -> Iterator[Route]:
    """Routes of ``containers/endpoints.json``, with and without ``/v1``."""
    function = ast.unparse(call.func)
    if function in _REGISTER_NOTHING or function.endswith(".include_router"):
        return
    if function != "register_container_file_endpoints":
        raise LitellmMissingError(
            f"{module.source}:{call.lineno}: {ast.unparse(call)} registers routes in a way that "
            "tests/harness/litellm/released_routes.py does not read: teach it"
        )
    source = "containers/endpoints.json"
    for endpoint in json.loads((tree.folder / source).read_text(encoding="utf-8"))["endpoints"]:
        for path in (endpoint["path"], f"/v1{endpoint['path']}"):
            yield Route(path, (endpoint["method"].upper(),), "http", source)


# ---- Constants ----


def _value(module: _Module, node: ast.expr, scope: Mapping[str, Any]) -> Any:
    """The value of a constant expression over names of the module and of what it imports.

    Raises:
        LitellmMissingError: the expression is not of a form that is read here.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return scope[node.id] if node.id in scope else _named(module, node.id)
    if isinstance(node, ast.JoinedStr):
        parts = [p.value if isinstance(p, ast.FormattedValue) else p for p in node.values]
        return "".join(str(_value(module, part, scope)) for part in parts)
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        found: list[Any] = []
        for item in node.elts:
            spread = isinstance(item, ast.Starred)
            value = _value(module, item.value if isinstance(item, ast.Starred) else item, scope)
            found += value if spread else [value]
        return found
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        left, right = _value(module, node.left, scope), _value(module, node.right, scope)
        if isinstance(node.op, ast.Sub):
            return [item for item in left if item not in right]
        return left + right
    return _computed(module, node, scope)


def _computed(module: _Module, node: ast.expr, scope: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.ListComp) and isinstance(node.generators[0].target, ast.Name):
        name = node.generators[0].target.id
        items = _value(module, node.generators[0].iter, scope)
        return [_value(module, node.elt, {**scope, name: item}) for item in items]
    if isinstance(node, ast.Attribute):
        return _member(module, node)
    if isinstance(node, ast.Call):
        function = ast.unparse(node.func)
        # They put a collection in another form, which is a list here.
        if function in ("list", "tuple", "set", "frozenset", "sorted") and node.args:
            return _value(module, node.args[0], scope)
        # The path that the proxy is mounted under: none, as the modules deploy it.
        if function == "well_known_root_suffix":
            return ""
    raise LitellmMissingError(
        f"{module.source}:{node.lineno}: {ast.unparse(node)[:80]} is not a constant that "
        "tests/harness/litellm/released_routes.py reads: teach it"
    )


def _named(module: _Module, name: str) -> Any:
    if name in module.assigned:
        return _value(module, module.assigned[name], {})
    if name in module.imported:
        base, attribute = module.imported[name]
        return _named(module.package.module(base), attribute)
    raise LitellmMissingError(f"{module.source}: the name {name} is not known")


def _member(module: _Module, node: ast.Attribute) -> Any:
    """``Enumeration.MEMBER.value`` of an enumeration of the module or one that it imports."""
    owner = node.value
    if node.attr == "value" and isinstance(owner, ast.Attribute):
        return _member(module, owner)
    if isinstance(owner, ast.Name) and owner.id in module.imported:
        module = module.package.module(module.imported[owner.id][0])
    for made in module.tree.body:
        if isinstance(made, ast.ClassDef) and made.name == ast.unparse(owner):
            for name, value in _assignments(made.body):
                if name == node.attr:
                    return _value(module, value, {})
    raise LitellmMissingError(f"{module.source}: {ast.unparse(node)} is not known")
