"""Read resources in the form of checkov. Values known only after apply have the answer UNKNOWN.

checkov wraps each value, and each body of a block, in a list. In a plain plan, a value known only
after apply is ``true_after_unknown``, or its first reference in the configuration.
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
    """A check that combines several answers."""

    def __init__(self, number: int, name: str, types: Iterable[str]) -> None:
        super().__init__(
            name=name,
            id=f"CKV2_LITELLM_{number}",
            categories=[CheckCategories.GENERAL_SECURITY],
            supported_resources=list(types),
        )

    def scan_resource_conf(self, conf: dict[str, Any]) -> CheckResult:
        """FAILED if an answer is FAILED, else UNKNOWN if an answer is UNKNOWN, else PASSED."""
        self.evaluated_keys = []
        answers = list(self.answers(conf))
        for result in (CheckResult.FAILED, CheckResult.UNKNOWN, CheckResult.PASSED):
            if result in answers:
                return result
        # A resource without answers passes, for example a listener without TLS.
        return CheckResult.PASSED

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        """The answers of a check, which each subclass implements."""
        raise NotImplementedError

    def holds(
        self, conf: dict[str, Any], path: str, is_correct: Callable[[Any], bool]
    ) -> CheckResult:
        """Whether the value at a path is correct."""
        self.evaluated_keys.append(path)
        return judge(at(conf, path), is_correct)

    def is_set(self, conf: dict[str, Any], path: str) -> CheckResult:
        """Whether the path has a value. A reference counts as a value."""
        self.evaluated_keys.append(path)
        value = at(conf, path)
        if value == LATE:
            return CheckResult.UNKNOWN
        return answer(value not in (None, "", [], {}))

    def linked(self, conf: dict[str, Any], kind: str) -> list[dict[str, Any]]:
        """The resources of a type to which this resource refers, from the graph of checkov."""
        nodes = self.graph.nodes()
        own = {i for i, (_, node) in enumerate(nodes) if same(node, conf)}
        targets = [nodes[v][1] for u, v in self.graph.edge_list() if u in own]
        return [node for node in targets if node.get("resource_type") == kind]

    def others(self, conf: dict[str, Any], kinds: Iterable[str]) -> Iterator[dict[str, Any]]:
        """The configurations of the other resources of some types."""
        types = set(kinds)
        for _, node in self.graph.nodes():
            if node.get("resource_type") in types and not same(node, conf):
                yield body(node)


def same(node: dict[str, Any], conf: dict[str, Any]) -> bool:
    """Whether a node of the graph is this resource."""
    return bool(node.get("__address__") == conf.get("__address__"))


def body(node: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a node of the graph, in the form that a check receives."""
    kind, name = str(node["block_name_"]).split(".")[:2]
    configuration: dict[str, Any] = node["config_"][kind][name]
    return configuration


def answer(correct: bool) -> CheckResult:
    """PASSED if ``correct``, else FAILED."""
    return CheckResult.PASSED if correct else CheckResult.FAILED


def judge(value: Any, is_correct: Callable[[Any], bool]) -> CheckResult:
    """Whether a value is correct; UNKNOWN if it is known only after apply."""
    return CheckResult.UNKNOWN if late(value) else answer(is_correct(value))


def late(value: Any) -> bool:
    """Whether a value, or a part of it, is known only after apply."""
    if isinstance(value, str):
        return value == LATE or bool(_REFERENCE.match(value))
    if isinstance(value, dict):
        return any(map(late, value.values()))
    return isinstance(value, list) and any(map(late, value))


def bodies(conf: Any, path: str) -> list[dict[str, Any]]:
    """The bodies of the blocks at a path, in all outer bodies."""
    conf_bodies = [conf]
    for step in path.split("/"):
        parts = [part.get(step) or [] for part in conf_bodies if isinstance(part, dict)]
        flat = [item for part in parts for item in (part if isinstance(part, list) else [part])]
        conf_bodies = [item for item in flat if isinstance(item, dict)]
    return conf_bodies


def at(conf: Any, path: str) -> Any:
    """The value at a path, in the first body of each block; None if the path does not exist."""
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
    """An argument in JSON, parsed; :data:`LATE` if it is known only after apply."""
    value = conf.get(name)
    unwrapped = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(unwrapped, str) and not late(unwrapped):
        return json.loads(unwrapped)
    # checkov has already parsed known JSON. It does not wrap a list in another list.
    return LATE if isinstance(unwrapped, str) else value


def many(value: Any) -> list[Any]:
    """A value as a list: itself if it is one, nothing for None."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
