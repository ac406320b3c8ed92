"""Replay recorded exchanges with a real plugin against the offline provider.

A recording holds calls of Terraform's plugin protocol, one JSON line each: ``method``, ``request``
and ``response`` (base64 of the protobuf messages), and for a call that depends on the provider
block ``settings``, the index of the line that holds that block. A replay gives each
request to the offline provider and compares the two responses attribute by attribute.

``python -m tests.harness.schemas.replay google 7.46.0 --type google_sql_user`` prints every
difference.
"""

from __future__ import annotations

import argparse
import base64
import fnmatch
import json
import lzma
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.harness import documents, paths
from tests.harness.offline import catalogue
from tests.harness.offline.engine.values import map_block
from tests.harness.offline.protocol import cty, messages
from tests.harness.offline.protocol.schema import Block
from tests.harness.offline.protocol.server import Provider, answer
from tests.harness.plan.diff import leaves
from tests.harness.unknown import UNKNOWN

SUFFIX = ".calls.jsonl.xz"
# The calls that hold a provider block.
_BLOCKS = ("PrepareProviderConfig", "Configure")
_PROVIDER = "the provider block"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call and its response. ``settings`` is the index of the call with the provider block."""

    index: int
    method: str
    request: Any
    response: Any
    settings: int | None

    @property
    def type_name(self) -> str:
        """The resource or data source type; a text of its own for the provider block."""
        return str(getattr(self.request, "type_name", "") or _PROVIDER)


@dataclass(frozen=True, slots=True)
class Difference:
    """A value of a response that differs. A value that a response does not have is None."""

    recording: str
    exchange: int
    method: str
    type: str
    path: str
    real: Any
    offline: Any

    @property
    def replay(self) -> str:
        """The command that prints this difference."""
        name, version = self.recording.rsplit("-", 1)
        return f"python -m tests.harness.schemas.replay {name} {version} --call {self.exchange}"

    def __str__(self) -> str:
        return (
            f"{self.type} {self.path} in {self.method}: real {self.real!r}, "
            f"offline {self.offline!r}\n  {self.replay}"
        )


def names(folder: Path = paths.RECORDINGS) -> list[str]:
    """The stored recordings, as NAME-VERSION."""
    return sorted(file.name.removesuffix(SUFFIX) for file in folder.glob(f"*{SUFFIX}"))


def load(recording: str, folder: Path = paths.RECORDINGS) -> list[Exchange]:
    """The exchanges of a recording.

    Raises:
        OSError: the recording is not stored.
    """
    calls = messages.calls()
    exchanges = []
    with lzma.open(folder / f"{recording}{SUFFIX}", "rt") as lines:
        for index, line in enumerate(lines):
            row = json.loads(line)
            request, response = calls[row["method"]]
            exchanges.append(
                Exchange(
                    index,
                    row["method"],
                    request.FromString(base64.b64decode(row["request"])),
                    response.FromString(base64.b64decode(row["response"])),
                    row.get("settings"),
                )
            )
    return exchanges


def provider(recording: str) -> Provider:
    """The offline provider of the recorded release. It does not check the limits of the cloud.

    Raises:
        LookupError: the release has no schema file.
    """
    name, version = recording.rsplit("-", 1)
    return Provider(*catalogue.load(name, version, limits=False))


def is_served(release: Provider, exchange: Exchange) -> bool:
    """Whether the release has a schema for the type of an exchange."""
    types = (_PROVIDER, *release.schema.resources, *release.schema.data_sources)
    return exchange.type_name in types


def differences(
    recording: str, release: Provider, exchanges: Sequence[Exchange], chosen: Iterable[Exchange]
) -> Iterator[Difference]:
    """What the offline provider answers otherwise in the ``chosen`` exchanges of a recording."""
    for exchange in chosen:
        block = _block(release, exchange)
        peer = str(exchange.settings)
        if exchange.settings is not None and peer not in release.settings:
            request = messages.message("Configure.Request")(
                config=exchanges[exchange.settings].request.config
            )
            answer(release, "Configure", request, peer)
        ours = answer(release, exchange.method, exchange.request, peer)
        real_values, our_values = (
            dict(_values(exchange.method, response, block)) | dict(_replacement(exchange, response))
            for response in (exchange.response, ours)
        )
        for path in sorted(real_values.keys() | our_values.keys()):
            pair = real_values.get(path), our_values.get(path)
            if not _same(*pair):
                yield Difference(
                    recording, exchange.index, exchange.method, exchange.type_name, path, *pair
                )


def _same(real: Any, offline: Any) -> bool:
    if real is UNKNOWN or offline is UNKNOWN:
        return real is offline
    return (type(real) is type(offline) and bool(real == offline)) or _number(real, offline)


def _number(real: Any, offline: Any) -> bool:
    numbers = (int, float)
    both = isinstance(real, numbers) and isinstance(offline, numbers)
    return both and not isinstance(real, bool) and not isinstance(offline, bool) and real == offline


def _block(release: Provider, exchange: Exchange) -> Block | None:
    schema = release.schema
    if exchange.method in _BLOCKS:
        return schema.provider.block
    data = "DataSource" in exchange.method
    return (schema.data_sources if data else schema.resources)[exchange.type_name].block


def _values(method: str, response: Any, block: Block | None) -> Iterator[tuple[str, Any]]:
    """The values of a response by dotted path, and its diagnostics by their attribute."""
    for field in ("planned_state", "state", "prepared_config"):
        if field in response.DESCRIPTOR.fields_by_name and block is not None:
            value = cty.decode(getattr(response, field).msgpack)
            yield from leaves(_canonical(block, value))
    if method == "PlanResourceChange":
        yield "legacy_type_system", response.legacy_type_system
    for diagnostic in response.diagnostics:
        severity = {1: "error", 2: "warning"}.get(diagnostic.severity, "invalid")
        yield f"{severity} at {dotted(diagnostic.attribute)}", diagnostic.summary


def _replacement(exchange: Exchange, response: Any) -> Iterator[tuple[str, Any]]:
    """The arguments that replace the resource. A resource without a prior state is created."""
    if exchange.method == "PlanResourceChange" and cty.decode(exchange.request.prior_state.msgpack):
        for path in response.requires_replace:
            yield f"replaced by {path.steps[0].attribute_name}", True


def dotted(path: Any) -> str:
    """An AttributePath without the keys of its elements."""
    steps = (step.attribute_name for step in path.steps)
    return ".".join(step for step in steps if step) or "the resource"


def _canonical(block: Block, value: Any) -> Any:
    """``value`` with the elements of every set in one order."""
    if not isinstance(value, dict):
        return value
    ordered = dict(value)
    for name, attribute in block.attributes.items():
        ordered[name] = _typed(attribute.type, value.get(name))
    for name, nested in block.blocks.items():
        inner = map_block(nested, value.get(name), partial(_body, nested.block))
        is_set = nested.nesting == "set" and isinstance(inner, list)
        ordered[name] = sorted(inner, key=repr) if is_set else inner
    return ordered


def _body(block: Block, body: Any, _key: Any) -> Any:
    return _canonical(block, body)


def _typed(kind: Any, value: Any) -> Any:
    if isinstance(kind, str) or value is UNKNOWN or value is None:
        return value
    if kind[0] in ("list", "set"):
        items = [_typed(kind[1], item) for item in value]
        return sorted(items, key=repr) if kind[0] == "set" else items
    if kind[0] == "map":
        return {key: _typed(kind[1], item) for key, item in value.items()}
    if kind[0] == "object":
        return {key: _typed(kind[1].get(key, "dynamic"), item) for key, item in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class Admitted:
    """The content of differences.yaml, a list for each kind of difference."""

    differences: Sequence[Mapping[str, str]]
    not_replayed: Mapping[str, str]
    probes: Sequence[Mapping[str, str]]
    conversation: Sequence[Mapping[str, str]]


def admitted(file: Path = paths.DIFFERENCES) -> Admitted:
    """The differences and types that are admitted, each with its reason."""
    document = documents.read(file)
    return Admitted(
        document["differences"],
        document["not_replayed"],
        document["probes"],
        document["conversation"],
    )


def entry(
    entries: Iterable[Mapping[str, str]], release: str, type_name: str, path: str
) -> Mapping[str, str] | None:
    """The first listed entry that admits a difference of a release."""
    for listed in entries:
        patterns = (listed["release"], listed["type"], listed["path"])
        if all(map(fnmatch.fnmatchcase, (release, type_name, path), patterns)):
            return listed
    return None


def main(arguments: list[str]) -> int:
    """Print the differences of a recording; returns 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__, prog="replay")
    parser.add_argument("provider")
    parser.add_argument("version")
    parser.add_argument("--type", default="*", help="a resource type, as a pattern of a shell")
    parser.add_argument("--call", type=int, help="the line of one call, from 0")
    options = parser.parse_args(arguments)
    recording = f"{options.provider}-{options.version}"
    exchanges, release = load(recording), provider(recording)
    chosen = [
        exchange
        for exchange in exchanges
        if fnmatch.fnmatchcase(exchange.type_name, options.type)
        and options.call in (None, exchange.index)
        and is_served(release, exchange)
    ]
    found = 0
    for difference in differences(recording, release, exchanges, chosen):
        found += 1
        print(difference)
    print(f"{recording}: {len(chosen)} calls, {found} differences")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
