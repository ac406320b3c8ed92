"""Record what a real plugin answers in the plans of all cases: ``tox -e record -- aws 5.100.0``.

A mirror that holds :mod:`tests.harness.schemas.proxy` in place of the plugin records each call. The
recording replaces the stored one, and a summary says what changed. Then the plugin answers the
probes of :mod:`tests.harness.schemas.probes`. Its refusals give the rules of validation.
"""

from __future__ import annotations

import argparse
import base64
import json
import lzma
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.harness import paths
from tests.harness.offline import catalogue
from tests.harness.offline.catalogue import DATA
from tests.harness.offline.protocol import cty, messages
from tests.harness.schemas import probes, rebuild, replay
from tests.harness.schemas.plugin import running
from tests.harness.stacks import STACKS
from tests.harness.terraform import cases, planning, providers

# The answer to these calls depends on the provider block.
_CONFIGURED = ("PlanResourceChange", "ReadDataSource")
_WRAPPER = """#!{python}
import signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.harness.process import child
from tests.harness.schemas import proxy
child.die_with_parent()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
proxy.run(Path({real!r}), Path({calls!r}))
"""


def plan_all(name: str, version: str, mirror: str, calls: Path) -> tuple[int, list[str]]:
    """Plan each case that uses a provider, and have the calls written to the folder ``calls``.

    Args:
        name: aws, google or random.
        version: a release of the mirror.
        mirror: a filesystem mirror; if empty, the registry.
        calls: an existing folder.

    Returns:
        The number of planned cases, and the cases with another outcome than the expected one.
    """
    with tempfile.TemporaryDirectory() as folder:
        _, real = rebuild.dump(name, version, mirror, Path(folder))
        proxies = Path(folder) / "mirror"
        place = providers.plugin_folder(proxies, name, version) / real.parent.name
        place.mkdir(parents=True)
        text = _WRAPPER.format(
            python=sys.executable, root=str(paths.ROOT), real=str(real), calls=str(calls)
        )
        (place / real.name).write_text(text)
        (place / real.name).chmod(0o755)
        stacks = [s.name for s in STACKS.values() if name in (s.provider, "random")]
        chosen = [e for e in cases.load() if e.case.stack in stacks]
        choice = providers.choose(f"mirror:{proxies}")
        with (
            planning.session(choice, use_cache=False) as session,
            ThreadPoolExecutor(session.workers) as pool,
        ):
            results = pool.map(lambda e: planning.plan(session, e.case), chosen)
            surprising = [
                f"{expected.case.id}: {result}"
                for expected, result in zip(chosen, results, strict=True)
                if bool(result.errors) != bool(expected.refused)
            ]
    return len(chosen), surprising


def merge(calls: Path) -> list[dict[str, Any]]:
    """Each distinct call once, in an order that does not depend on the run."""
    configured: dict[str, dict[str, Any]] = {}
    distinct: dict[tuple[str, ...], dict[str, Any]] = {}
    for file in sorted(calls.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            block = row.pop("configured")
            if row["method"] == "Configure":
                configured.setdefault(row["request"], row)
                continue
            used = block if row["method"] in _CONFIGURED else ""
            distinct.setdefault((row["method"], row["request"], used or ""), row)
    blocks = sorted(configured)
    rows = [configured[block] for block in blocks]
    for key in sorted(distinct, key=lambda key: (_type_name(key[0], key[1]), key)):
        row = dict(distinct[key])
        if key[2]:
            row["settings"] = blocks.index(key[2])
        rows.append(row)
    return rows


def _type_name(method: str, request: str) -> str:
    message = messages.calls()[method][0].FromString(base64.b64decode(request))
    return str(getattr(message, "type_name", ""))


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a recording."""
    with lzma.open(path, "wt", preset=9) as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")


def changes(
    before: Sequence[replay.Exchange], after: Sequence[replay.Exchange]
) -> Iterator[tuple[str, str]]:
    """What a new recording has otherwise than the one before, as (type, change)."""

    def answers(exchanges: Sequence[replay.Exchange]) -> dict[tuple[str, str, bytes], Any]:
        return {
            (e.type_name, e.method, e.request.SerializeToString(deterministic=True)): e
            for e in exchanges
        }

    old, new = answers(before), answers(after)
    for key in old.keys() - new.keys():
        yield key[0], f"{key[1]} is gone"
    for key in new.keys() - old.keys():
        yield key[0], f"{key[1]} is new"
    for key in old.keys() & new.keys():
        if _decoded(old[key].response) != _decoded(new[key].response):
            yield key[0], f"{key[1]} is answered otherwise"


def _decoded(response: Any) -> list[Any]:
    values = []
    for field, value in response.ListFields():
        # Of no use to a reader, and in no order.
        if field.name not in ("planned_private", "requires_replace"):
            values.append((field.name, cty.decode(value.msgpack) if _is_value(field) else value))
    return values


def _is_value(field: Any) -> bool:
    return field.message_type is not None and field.message_type.name == "DynamicValue"


def probe(name: str, version: str, mirror: str) -> list[str]:
    """Probe the plugin and write its answers and rules; returns the probes that crashed it.

    A stored rule of an argument stays if no probe shows another one: the arguments that no probe
    sets, relations between arguments, and what was written by hand with its source.
    """
    recording = f"{name}-{version}"
    release = replay.provider(recording)
    with tempfile.TemporaryDirectory() as folder:
        _, binary = rebuild.dump(name, version, mirror, Path(folder))
        with running(binary, release.schema, rebuild.SETTINGS[name]) as plugin:
            chosen, answered, rules = probes.ask(plugin, release, recording)
    probes.write(paths.RECORDINGS / f"{recording}{probes.SUFFIX}", chosen, answered)
    target = DATA / f"{recording}.validation.json"
    stored = json.loads(target.read_text()) if target.exists() else {"types": {}}
    nearest = stored.get("nearest_observed_release")
    known = catalogue.validation(name, nearest) if nearest else {}
    for type_name, entries in rules.items():
        for dotted, rule in entries.items():
            by_hand = stored["types"].get(type_name, {}).get(dotted, {}).get("source", {})
            before = known.get(type_name, {}).get(dotted, {})
            new = {
                key: value
                for key, value in rule.items()
                if key not in by_hand and before.get(key) != value
            }
            if new:
                stored["types"].setdefault(type_name, {}).setdefault(dotted, {}).update(new)
    origin = f"observed in the plugin of {name} {version} by tests/harness/schemas/probes.py"
    rebuild.write(target, {**stored, "origin": f"{origin}, and the source of an entry"})
    return [str(probe) for probe in answered if probe.seen == "crashed"]


def main(arguments: list[str]) -> int:
    """Record; returns 1 if a case was not planned as expected."""
    parser = argparse.ArgumentParser(description=__doc__, prog="record")
    parser.add_argument("provider", choices=sorted(rebuild.SETTINGS))
    parser.add_argument("version")
    parser.add_argument("--mirror", default="", help="folder of a filesystem mirror")
    options = parser.parse_args(arguments)
    recording = f"{options.provider}-{options.version}"
    target = paths.RECORDINGS / f"{recording}{replay.SUFFIX}"
    before = replay.load(recording) if target.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        count, surprising = plan_all(
            options.provider, options.version, options.mirror, Path(folder)
        )
        write(target, merge(Path(folder)))
    after = replay.load(recording)
    print(f"{recording}: {len(after)} calls of {count} cases, {len(before)} calls before")
    for (kind, change), number in sorted(Counter(changes(before, after)).items()):
        print(f"  {number:5} {kind}: {change}")
    for crash in probe(options.provider, options.version, options.mirror):
        print(f"the plugin crashed: {crash}")
    for text in surprising:
        print(f"not as cases.yaml expects: {text}", file=sys.stderr)
    return int(bool(surprising))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
