"""Rebuild the data files of a provider from its plugin, for the types that the modules use.

``python -m tests.harness.schemas.rebuild aws 5.100.0 --mirror DIR`` takes the plugin from a
filesystem mirror. Without ``--mirror`` Terraform downloads it from the registry.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.harness.offline.catalogue import DATA
from tests.harness.offline.protocol.schema import parse
from tests.harness.paths import MODULES
from tests.harness.schemas import observe
from tests.harness.terraform import binary as core

SECTIONS = {
    "resource": "resource_schemas",
    "data": "data_source_schemas",
    "ephemeral": "ephemeral_resource_schemas",
}
_BLOCK = re.compile(r'^(resource|data|ephemeral)\s+"(\w+)"', re.MULTILINE)
# The provider blocks with which the plugins plan without an account.
SETTINGS: dict[str, dict[str, Any]] = {
    "aws": {
        "region": "eu-west-1",
        "access_key": "offline",
        "secret_key": "offline",
        "skip_credentials_validation": True,
        "skip_metadata_api_check": "true",
        "skip_region_validation": True,
        "skip_requesting_account_id": True,
    },
    "google": {"project": "acme-prod-1", "region": "us-central1", "access_token": "offline"},
    "random": {},
}


def used_types(folder: Path = MODULES) -> dict[str, set[str]]:
    """The resource, data and ephemeral types that the HCL below ``folder`` uses."""
    used: dict[str, set[str]] = {kind: set() for kind in SECTIONS}
    for file in folder.rglob("*.tf"):
        for kind, name in _BLOCK.findall(file.read_text()):
            used[kind].add(name)
    return used


def _bare(block: dict[str, Any]) -> dict[str, Any]:
    """A block without its descriptions. An attribute with the name description stays."""
    texts = ("description", "description_kind", "deprecation_message")
    reduced = {key: value for key, value in block.items() if key not in texts}
    if "attributes" in reduced:
        reduced["attributes"] = {
            name: {k: v for k, v in spec.items() if k not in texts}
            for name, spec in reduced["attributes"].items()
        }
    if "block_types" in reduced:
        reduced["block_types"] = {
            name: {**spec, "block": _bare(spec["block"])}
            for name, spec in reduced["block_types"].items()
        }
    return reduced


def cut(document: dict[str, Any], used: dict[str, set[str]]) -> dict[str, Any]:
    """The schema of one provider, reduced to the used types, without descriptions."""
    source, provider = next(iter(document["provider_schemas"].items()))
    schemas: dict[str, Any] = {
        "provider": {**provider["provider"], "block": _bare(provider["provider"]["block"])}
    }
    for kind, section in SECTIONS.items():
        schemas[section] = {
            name: {"version": schema.get("version", 0), "block": _bare(schema["block"])}
            for name, schema in sorted(provider.get(section, {}).items())
            if name in used[kind]
        }
    return {
        "format_version": document["format_version"],
        "origin": document.get("origin", "terraform providers schema -json"),
        "provider_schemas": {source: schemas},
    }


def write(path: Path, document: dict[str, Any]) -> None:
    """Write a data file with one line for each attribute, so that two versions can be compared."""
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    print(f"wrote {path} ({path.stat().st_size // 1024} KiB)")


def dump(name: str, version: str, mirror: str, folder: Path) -> tuple[dict[str, Any], Path]:
    """The schemas of a provider, and the path of its plugin.

    Args:
        name: aws, google or random.
        version: a release.
        mirror: a filesystem mirror that has the plugin; if empty, the registry.
        folder: an empty folder for the plugin, which must exist as long as the plugin is used.

    Raises:
        subprocess.CalledProcessError: Terraform does not find the release or does not start.
    """
    required = {name: {"source": f"hashicorp/{name}", "version": version}}
    (folder / "main.tf.json").write_text(
        json.dumps({"terraform": {"required_providers": required}})
    )
    terraform = core.find(folder)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    command = [terraform.binary, "init", "-input=false"]
    command += [f"-plugin-dir={Path(mirror).absolute()}"] if mirror else []
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=sys.stderr)
    output = subprocess.run(
        [terraform.binary, "providers", "schema", "-json"],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )
    # HOST/NAMESPACE/NAME/VERSION/PLATFORM; with a mirror the last is a link.
    pattern = f".terraform/providers/*/*/{name}/{version}/*/terraform-provider-{name}_*"
    binaries = folder.glob(pattern)
    return json.loads(output.stdout), next(binaries).resolve()


def keep_sourced(target: Path, types: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Add the stored rules that were written by hand, with their source, to the observed ones."""
    stored = json.loads(target.read_text())["types"] if target.exists() else {}
    for type_name, rules in stored.items():
        for dotted, rule in rules.items():
            for key, source in rule.get("source", {}).items():
                entry = types.setdefault(type_name, {}).setdefault(dotted, {})
                if entry.get(key) != rule[key]:
                    entry[key] = rule[key]
                    entry.setdefault("source", {})[key] = source


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, prog="rebuild")
    parser.add_argument("provider", choices=sorted(SETTINGS))
    parser.add_argument("version")
    parser.add_argument("--mirror", default="", help="folder of a filesystem mirror")
    parser.add_argument("--no-observe", action="store_true", help="write the schema alone")
    options = parser.parse_args(arguments)
    used = used_types()
    with tempfile.TemporaryDirectory() as name:
        document, binary = dump(options.provider, options.version, options.mirror, Path(name))
        document["origin"] = (
            f"terraform providers schema -json of {options.provider} {options.version}"
        )
        schema_document = cut(document, used)
        write(DATA / f"{options.provider}-{options.version}.schema.json", schema_document)
        if not options.no_observe:
            schema = parse(schema_document)
            observed = observe.observe(
                binary, schema, sorted(schema.resources), SETTINGS[options.provider]
            )
            origin = f"observed in the plugin of {options.provider} {options.version}"
            target = DATA / f"{options.provider}-{options.version}.behaviour.json"
            keep_sourced(target, observed.types)
            write(
                target,
                {
                    "origin": f"{origin} by tests/harness/schemas/observe.py; entries with a "
                    "source were not observed and come from there",
                    "crashes": observed.crashes,
                    "types": observed.types,
                },
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
