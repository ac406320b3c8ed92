"""Probes of a provider: one argument of a recorded configuration has another value.

A probe is refused or planned. A probe of a change shows what the change replaces. The arguments are
those that the modules set: the recorded plans of all cases have them.
``NAME-VERSION.probes.jsonl.xz`` holds the answers of the real plugin:

``{"base": N, "type": T, "config": C}``   a configuration, as base64 of MessagePack
``{"of": N, "path": P, "value": V, "answer": A}``   a probe of base N: ``planned``, ``refused`` or
``crashed``
``{"of": N, "path": P, "value": V, "replaces": R}``   a change of base N: the replacing arguments

``python -m tests.harness.schemas.probes aws 5.100.0`` prints each probe that the offline provider
answers otherwise.
"""

from __future__ import annotations

import argparse
import base64
import copy
import json
import lzma
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import paths
from tests.harness.offline.engine import made_up, planning, validation
from tests.harness.offline.engine.values import attributes, map_block
from tests.harness.offline.protocol import cty, messages
from tests.harness.offline.protocol.schema import Attribute, Block, ProviderSchema
from tests.harness.offline.protocol.server import Provider, answer
from tests.harness.schemas import refusals, replay
from tests.harness.schemas.plugin import Call, Plugin, PluginCrashError, dynamic, plan
from tests.harness.unknown import UNKNOWN

SUFFIX = ".probes.jsonl.xz"
Steps = tuple[str | int, ...]

# Values that some argument of a text refuses: empty, blank, long, with other characters, of another
# kind. The lengths are above the limits of names (64, 128, 255) and of descriptions (1024).
_TEXTS = (
    "", " ", "a", "Ab", "a_b", "a.b", "a/b", "-a", "a-", "a--b", "1", "1.5", "-1", "a b", "ä",
    "a" * 33, "a" * 65, "a" * 129, "a" * 257, "a" * 1025,
    "10.0.0.0/8", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "::/0",
    "{}", "{", "arn:aws:iam::123456789012:role/a", "allUsers", "user:a", "user:a@example.com",
)  # fmt: skip
_NUMBERS = (-1, 0, 1, 2, 1.5, 80, 1000, 65535, 65536, 100000, 2**31)
_MAPS: tuple[dict[str, str], ...] = (
    {},
    {"a": ""},
    {"": "a"},
    {"A": "B"},
    {"a" * 129: "a"},
    {"a": "a" * 257},
    {"aws:a": "a"},
)


@dataclass(frozen=True, slots=True)
class Base:
    """A recorded configuration of a type."""

    number: int
    type: str
    config: Any


@dataclass(frozen=True, slots=True)
class Probe:
    """Another value at a path of a base. ``kind`` is ``answer`` or ``replaces``."""

    base: Base
    path: Steps
    value: Any
    kind: str
    seen: Any = None

    @property
    def dotted(self) -> str:
        """The path without indices."""
        return ".".join(step for step in self.path if isinstance(step, str))

    def __str__(self) -> str:
        return f"{self.base.type} {'.'.join(map(str, self.path))} = {self.value!r:.60}"


Configurations = Mapping[str, Sequence[Any]]
"""The recorded configurations by type."""


def configurations(recording: str, schema: ProviderSchema) -> Configurations:
    """The configurations in the plans of a recording."""
    configs: dict[str, list[Any]] = {}
    for exchange in replay.load(recording):
        if exchange.method == "PlanResourceChange" and exchange.type_name in schema.resources:
            config = cty.decode(exchange.request.config.msgpack)
            configs.setdefault(exchange.type_name, []).append(config)
    return configs


def bases(configs: Configurations, schema: ProviderSchema) -> list[Base]:
    """Few configurations of each type that have every argument that a recorded one sets."""
    chosen: list[Base] = []
    missing: dict[str, set[str]] = {}
    for name in sorted(configs):
        block = schema.resources[name].block
        found = [(set(_given(block, config)), config) for config in configs[name]]
        missing[name] = set().union(*(given for given, _ in found))
        while missing[name]:
            given, config = max(found, key=lambda pair: len(pair[0] & missing[name]))
            chosen.append(Base(len(chosen), name, config))
            missing[name] -= given
    return chosen


def _given(block: Block, config: Any) -> Iterator[str]:
    for _, dotted, _, value in attributes(block, config):
        if value is not None:
            yield dotted


def values(attribute: Attribute, current: Any, known: Sequence[Any]) -> list[Any]:
    """The values to try for an argument.

    Args:
        attribute: the argument.
        current: its recorded value.
        known: other valid values, limits, and values beside the limits.
    """
    kind = attribute.type
    if kind == "string":
        text = current if isinstance(current, str) else "a"
        return [*_TEXTS, text.upper(), text.lower(), text + "x", *known]
    if kind == "number":
        near = [current - 1, current + 1] if isinstance(current, int | float) else []
        return [*_NUMBERS, *near, *known]
    if isinstance(kind, list) and kind[0] in ("list", "set") and kind[1] == "string":
        return [[], *([text] for text in _TEXTS), *([text] for text in known)]
    if kind == ["map", "string"]:
        return list(_MAPS)
    return []


def recorded_values(
    configs: Configurations, schema: ProviderSchema
) -> dict[tuple[str, str], list[Any]]:
    """The known values of each argument in recorded configurations, by type and dotted path."""
    found: dict[tuple[str, str], list[Any]] = {}
    for name, recorded in configs.items():
        for config in recorded:
            for _, dotted, _, value in attributes(schema.resources[name].block, config):
                argument = found.setdefault((name, dotted), [])
                if value is not None and cty.is_known(value) and value not in argument:
                    argument.append(value)
    return found


def probes_of(
    schema: ProviderSchema,
    chosen: Sequence[Base],
    known: Mapping[tuple[str, str], Sequence[Any]],
    recorded: Mapping[tuple[str, str], Sequence[Any]],
) -> Iterator[Probe]:
    """Every probe of the bases; each argument is tried in the first base that has it.

    Args:
        schema: the schema of the provider.
        chosen: the bases.
        known: further values of an argument to try.
        recorded: the recorded values of each argument. One of them makes a valid change.
    """
    tried: set[tuple[str, str]] = set()
    for base in chosen:
        block = schema.resources[base.type].block
        new = set()
        for path, dotted, attribute, value in attributes(block, base.config):
            argument = (base.type, dotted)
            if value is None or argument in tried or not (attribute.required or attribute.optional):
                continue
            if argument in new:
                continue
            new.add(argument)
            texts = []
            for candidate in values(attribute, value, known.get(argument, ())):
                text = json.dumps(candidate)
                if text not in texts:
                    texts.append(text)
                    yield Probe(base, path, candidate, "answer")
            if not attribute.write_only:
                others = [v for v in recorded.get(argument, ()) if v != value]
                other = others[0] if others else _other(attribute.type, value)
                yield Probe(base, path, other, "replaces")
        tried |= new


def _other(kind: Any, value: Any) -> Any:
    """Another value of the same type, valid for most arguments."""
    if kind == "bool":
        return value is not True
    if kind == "number":
        return value + 1 if isinstance(value, int | float) else 2
    if kind == "string":
        return f"{value}x" if isinstance(value, str) else "ax"
    if kind[0] in ("list", "set"):
        return [_other(kind[1], value[0] if isinstance(value, list) and value else UNKNOWN)]
    if kind[0] == "map":
        return {"other": _other(kind[1], UNKNOWN)}
    if kind[0] == "object":
        return {name: _other(item, UNKNOWN) for name, item in kind[1].items()}
    return value


def with_value(value: Any, path: Steps, new: Any) -> Any:
    """A copy of ``value`` with ``new`` at a path."""
    changed = copy.copy(value)
    head, *rest = path
    changed[head] = with_value(value[head], tuple(rest), new) if rest else new
    return changed


def proposed(block: Block, config: Any, prior: Any) -> Any:
    """The new state that Terraform proposes: a computed value stays, and is null at first."""
    if not isinstance(config, dict):
        return config
    state = {}
    for name, attribute in block.attributes.items():
        value = config.get(name)
        if value is None and attribute.computed:
            value = None if prior is None else prior.get(name)
        state[name] = value
    for name, nested in block.blocks.items():
        before = None if prior is None else prior.get(name)

        def body(value: Any, key: Any, inner: Block = nested.block, before: Any = before) -> Any:
            if isinstance(before, list):
                old = before[key] if isinstance(key, int) and key < len(before) else None
            else:
                old = before
            return proposed(inner, value, old if isinstance(old, dict) else None)

        state[name] = map_block(nested, config.get(name), body)
    return state


def seen(call: Call, release: Provider, probe: Probe) -> Any:
    """What a provider answers to a probe."""
    if probe.kind == "replaces":
        return _replaces(call, release, probe)
    return _verdict(call, release.schema, probe)[0]


def _errors(response: Any) -> list[str]:
    return [f"{d.summary} {d.detail}" for d in response.diagnostics if d.severity == 1]


def _verdict(call: Call, schema: ProviderSchema, probe: Probe) -> tuple[str, list[str]]:
    name, block = probe.base.type, schema.resources[probe.base.type].block
    config = with_value(probe.base.config, probe.path, probe.value)
    try:
        errors = _errors(_validate(call, name, config)) or _errors(
            plan(call, name, None, proposed(block, config, None), config)
        )
    except PluginCrashError:
        return "crashed", []
    return ("refused" if errors else "planned"), errors


def _validate(call: Call, name: str, config: Any) -> Any:
    # Terraform 1.11 and later send this. Without it a write-only argument is refused.
    capabilities = messages.message("ClientCapabilities")(write_only_attributes_allowed=True)
    return call(
        "ValidateResourceTypeConfig",
        type_name=name,
        config=dynamic(config),
        client_capabilities=capabilities,
    )


def _replaces(call: Call, release: Provider, probe: Probe) -> Any:
    name = probe.base.type
    block, rules = release.schema.resources[name].block, release.rules.get(name, {})
    config = known(block, probe.base.config)
    planned = planning.plan(block, config, None, rules)
    prior = made_up.make_known(name, block, planned, "00000000")
    changed = with_value(config, probe.path, probe.value)
    try:
        if _errors(_validate(call, name, changed)):
            return "refused"
        unchanged = plan(call, name, prior, proposed(block, config, prior), config)
        response = plan(call, name, prior, proposed(block, changed, prior), changed)
    except PluginCrashError:
        return "crashed"
    if _errors(response) or _errors(unchanged):
        return "refused"
    # The older SDK also names the id, which a replacement changes.
    replaced = {path.steps[0].attribute_name for path in response.requires_replace} - {"id"}
    before = {path.steps[0].attribute_name for path in unchanged.requires_replace}
    # Beside the change, a plugin may replace what the made-up state has in another form.
    head = str(probe.path[0])
    return sorted(replaced - before | (replaced & {head}))


def known(block: Block, config: Any) -> Any:
    """A configuration with a value in place of each unknown one."""
    return made_up.make_known("", block, config, "00000000")


def offline(release: Provider) -> Call:
    """Calls of the offline provider."""
    classes = messages.calls()

    def call(name: str, **fields: Any) -> Any:
        return answer(release, name, classes[name][0](**fields), "probes")

    return call


def ask(
    plugin: Plugin, release: Provider, recording: str
) -> tuple[list[Base], list[Probe], dict[str, dict[str, dict[str, Any]]]]:
    """Probe a plugin.

    Args:
        plugin: the plugin.
        release: the offline provider of the same release, for its schema and its defaults.
        recording: the recording with the configurations.

    Returns:
        The bases, the probes with the answers, and the rules that the refusals name by type.
    """
    schema = release.schema
    configs = configurations(recording, schema)
    chosen, recorded = bases(configs, schema), recorded_values(configs, schema)
    rules: dict[tuple[str, str], dict[str, Any]] = {}
    # The refusals of the first round name the limits that the second round tries.
    for _ in range(2):
        answered = []
        details: dict[tuple[str, str], list[str]] = {}
        limits = {argument: _limits(rule) for argument, rule in rules.items()}
        for probe in probes_of(schema, chosen, limits, recorded):
            errors: list[str] = []
            if probe.kind == "replaces":
                result = _replaces(plugin.call, release, probe)
            else:
                result, errors = _verdict(plugin.call, schema, probe)
            answered.append(Probe(probe.base, probe.path, probe.value, probe.kind, result))
            details.setdefault((probe.base.type, probe.dotted), []).extend(errors)
        rules = {argument: refusals.rule_of(texts) for argument, texts in details.items()}
        for probe in answered:
            # A plugin crashes at a fraction where it does not refuse it.
            if probe.seen == "crashed" and isinstance(probe.value, float):
                rules[probe.base.type, probe.dotted]["integer"] = True
    by_type: dict[str, dict[str, dict[str, Any]]] = {}
    for (type_name, dotted), rule in rules.items():
        if rule:
            by_type.setdefault(type_name, {})[dotted] = _refined(rule, type_name, dotted, answered)
    return chosen, answered, by_type


def _refined(
    rule: dict[str, Any], type_name: str, dotted: str, answered: Sequence[Probe]
) -> dict[str, Any]:
    """A rule with the values that it forbids and the plugin plans."""
    planned = [
        probe.value[0] if isinstance(probe.value, list) and probe.value else probe.value
        for probe in answered
        if (probe.base.type, probe.dotted, probe.seen) == (type_name, dotted, "planned")
        # The older SDK plans any value beside an unknown one.
        and cty.is_known(with_value(probe.base.config, probe.path, probe.value)[str(probe.path[0])])
    ]
    texts = [str(item) for item in rule.get("enum", ()) if isinstance(item, str) and item.strip()]
    folded = [text.lower() for text in texts if text.lower() != text and text.lower() not in texts]
    if folded and all(text in planned for text in folded):
        rule = {**rule, "ignore_case": True}
    also = [value for value in planned if validation.violation(rule, value)]
    return {**rule, "also": also} if also else rule


def _limits(rule: Mapping[str, Any]) -> list[Any]:
    """The valid values of a rule and the values beside its limits."""
    found: list[Any] = [*rule.get("enum", ())]
    found += [str(v).lower() for v in rule.get("enum", ()) if isinstance(v, str)]
    for key, outside in (("min", -1), ("max", 1)):
        if key in rule:
            found += [rule[key], rule[key] + outside]
    for key, outside in (("min_length", -1), ("max_length", 1)):
        if key in rule:
            found += ["a" * rule[key], "a" * max(0, rule[key] + outside)]
    return found


def write(path: Path, chosen: Sequence[Base], answered: Sequence[Probe]) -> None:
    """Write probes with their answers."""
    with lzma.open(path, "wt", preset=9) as file:
        for base in chosen:
            config = base64.b64encode(cty.encode(base.config)).decode()
            row = {"base": base.number, "type": base.type, "config": config}
            file.write(json.dumps(row) + "\n")
        for probe in answered:
            row = {"of": probe.base.number, "path": probe.path, "value": probe.value}
            file.write(json.dumps({**row, probe.kind: probe.seen}) + "\n")


def load(recording: str, folder: Path = paths.RECORDINGS) -> list[Probe]:
    """The stored probes of a release, with the answers of its plugin."""
    chosen: dict[int, Base] = {}
    probes = []
    with lzma.open(folder / f"{recording}{SUFFIX}", "rt") as lines:
        for line in lines:
            row = json.loads(line)
            if "base" in row:
                config = cty.decode(base64.b64decode(row["config"]))
                chosen[row["base"]] = Base(row["base"], row["type"], config)
                continue
            kind = "answer" if "answer" in row else "replaces"
            base, path = chosen[row["of"]], tuple(row["path"])
            probes.append(Probe(base, path, row["value"], kind, row[kind]))
    return probes


def same(probe: Probe, offline_answer: Any) -> bool:
    """Whether an answer is that of the plugin. What crashes the plugin is to be refused."""
    crashed = probe.seen == "crashed" and probe.kind == "answer"
    return bool(offline_answer == ("refused" if crashed else probe.seen))


def names(folder: Path = paths.RECORDINGS) -> list[str]:
    """The releases with stored probes, as NAME-VERSION."""
    return sorted(file.name.removesuffix(SUFFIX) for file in folder.glob(f"*{SUFFIX}"))


def main(arguments: list[str]) -> int:
    """Print what the offline provider answers otherwise; returns 1 if there is anything."""
    parser = argparse.ArgumentParser(description=__doc__, prog="probes")
    parser.add_argument("provider")
    parser.add_argument("version")
    options = parser.parse_args(arguments)
    recording = f"{options.provider}-{options.version}"
    release = replay.provider(recording)
    call = offline(release)
    stored = load(recording)
    different = 0
    for probe in stored:
        ours = seen(call, release, probe)
        if not same(probe, ours):
            different += 1
            print(f"{probe}: real {probe.seen}, offline {ours}")
    share = 100 * (1 - different / len(stored))
    print(f"{recording}: {len(stored)} probes, {different} different ({share:.2f} % equal)")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
