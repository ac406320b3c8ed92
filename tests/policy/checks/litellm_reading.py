"""Reading of a resource as checkov holds it, where a value known only after apply is no answer.

checkov wraps each value in a list, and each body of a block. In a plan scanned as it is, what is
known only after apply is ``true_after_unknown``, or the first reference that was written for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from checkov.common.models.enums import CheckCategories, CheckResult
from checkov.terraform.checks.resource.base_resource_check import BaseResourceCheck

LATE = "true_after_unknown"
_REFERENCE = re.compile(r"^(data\.)?(aws|google|random)_\w+\.\w+")


class Check(BaseResourceCheck):
    """A check whose answer is put together from several questions."""

    def __init__(self, number: int, name: str, types: Iterable[str]) -> None:
        super().__init__(
            name=name,
            id=f"CKV2_LITELLM_{number}",
            categories=[CheckCategories.GENERAL_SECURITY],
            supported_resources=list(types),
        )

    def scan_resource_conf(self, conf: dict[str, Any]) -> CheckResult:
        """FAILED if one question is answered no, else UNKNOWN if one has no answer yet."""
        self.evaluated_keys = []
        answers = list(self.answers(conf))
        for result in (CheckResult.FAILED, CheckResult.UNKNOWN, CheckResult.PASSED):
            if result in answers:
                return result
        # Nothing to ask: a listener without TLS has no TLS policy to look at.
        return CheckResult.PASSED

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        """The answers; each check has its own."""
        raise NotImplementedError

    def holds(self, conf: dict[str, Any], path: str, right: Callable[[Any], bool]) -> CheckResult:
        """Whether the value at a path is right."""
        self.evaluated_keys.append(path)
        return judge(at(conf, path), right)

    def is_set(self, conf: dict[str, Any], path: str) -> CheckResult:
        """Whether there is a value at a path; a reference is one, known or not."""
        self.evaluated_keys.append(path)
        value = at(conf, path)
        if value == LATE:
            return CheckResult.UNKNOWN
        return answer(value not in (None, "", [], {}))

    def linked(self, conf: dict[str, Any], kind: str) -> list[dict[str, Any]]:
        """The resources of a type that this one refers to, by checkov's graph."""
        nodes = self.graph.nodes()
        here = {i for i, (_, node) in enumerate(nodes) if same(node, conf)}
        there = [nodes[v][1] for u, v in self.graph.edge_list() if u in here]
        return [node for node in there if node.get("resource_type") == kind]

    def others(self, conf: dict[str, Any], kinds: Iterable[str]) -> Iterator[dict[str, Any]]:
        """The configurations of the other resources of some types."""
        wanted = set(kinds)
        for _, node in self.graph.nodes():
            if node.get("resource_type") in wanted and not same(node, conf):
                yield body(node)


def same(node: dict[str, Any], conf: dict[str, Any]) -> bool:
    """Whether a node of the graph is this resource."""
    return bool(node.get("__address__") == conf.get("__address__"))


def body(node: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a node of the graph, as a check is given it."""
    kind, name = str(node["block_name_"]).split(".")[:2]
    held: dict[str, Any] = node["config_"][kind][name]
    return held


def answer(right: bool) -> CheckResult:
    """PASSED or FAILED."""
    return CheckResult.PASSED if right else CheckResult.FAILED


def judge(value: Any, right: Callable[[Any], bool]) -> CheckResult:
    """Whether a value is right; UNKNOWN for one that is known only after apply."""
    return CheckResult.UNKNOWN if late(value) else answer(right(value))


def late(value: Any) -> bool:
    """Whether a value, or a part of it, is known only after apply."""
    if isinstance(value, str):
        return value == LATE or bool(_REFERENCE.match(value))
    if isinstance(value, dict):
        return any(map(late, value.values()))
    return isinstance(value, list) and any(map(late, value))


def bodies(conf: Any, path: str) -> list[dict[str, Any]]:
    """All bodies of the blocks at a path, in whichever of the outer bodies they are."""
    found = [conf]
    for step in path.split("/"):
        parts = [part.get(step) or [] for part in found if isinstance(part, dict)]
        flat = [item for part in parts for item in (part if isinstance(part, list) else [part])]
        found = [item for item in flat if isinstance(item, dict)]
    return found


def at(conf: Any, path: str) -> Any:
    """The value at a path, of the first body where a block has several; None if there is none."""
    for step in path.split("/"):
        if isinstance(conf, list):
            conf = conf[0] if conf else None
        if conf == LATE:
            return LATE
        conf = conf.get(step) if isinstance(conf, dict) else None
    return conf[0] if isinstance(conf, list) and len(conf) == 1 else conf


def on(value: Any) -> bool:
    """Whether a switch is on."""
    return str(value).lower() == "true"


def document(conf: dict[str, Any], name: str) -> Any:
    """An argument that holds JSON, parsed; :data:`LATE` where it is not known."""
    value = conf.get(name)
    held = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(held, str) and not late(held):
        return json.loads(held)
    # checkov parses what it knows to be JSON, and puts a list of its own around no list.
    return LATE if isinstance(held, str) else value


def many(value: Any) -> list[Any]:
    """A value as a list: itself if it is one, nothing for None."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
