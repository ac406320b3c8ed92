"""Rebuild a provider's data files from the real provider, cut to what the modules use.

``python -m tests.harness.schemas.rebuild aws 5.100.0 --mirror DIR`` takes the plugin from a
filesystem mirror; without ``--mirror`` Terraform fetches it from the registry.
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
# Enough for a plugin to plan without an account.
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
    """The types that the HCL below ``folder`` uses: resource, data and ephemeral."""
    used: dict[str, set[str]] = {kind: set() for kind in SECTIONS}
    for file in folder.rglob("*.tf"):
        for kind, name in _BLOCK.findall(file.read_text()):
            used[kind].add(name)
    return used


def _bare(block: dict[str, Any]) -> dict[str, Any]:
    """A block without its texts; an attribute that is called description stays."""
    texts = ("description", "description_kind", "deprecation_message")
    kept = {key: value for key, value in block.items() if key not in texts}
    if "attributes" in kept:
        kept["attributes"] = {
            name: {k: v for k, v in spec.items() if k not in texts}
            for name, spec in kept["attributes"].items()
        }
    if "block_types" in kept:
        kept["block_types"] = {
            name: {**spec, "block": _bare(spec["block"])}
            for name, spec in kept["block_types"].items()
        }
    return kept


def cut(document: dict[str, Any], used: dict[str, set[str]]) -> dict[str, Any]:
    """The schema of one provider, cut to the types used, without texts."""
    source, spec = next(iter(document["provider_schemas"].items()))
    kept: dict[str, Any] = {
        "provider": {**spec["provider"], "block": _bare(spec["provider"]["block"])}
    }
    for kind, section in SECTIONS.items():
        kept[section] = {
            name: {"version": schema.get("version", 0), "block": _bare(schema["block"])}
            for name, schema in sorted(spec.get(section, {}).items())
            if name in used[kind]
        }
    return {
        "format_version": document["format_version"],
        "origin": document.get("origin", "terraform providers schema -json"),
        "provider_schemas": {source: kept},
    }


def write(path: Path, document: dict[str, Any]) -> None:
    """Write a data file so that a diff of two versions reads by attribute."""
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    print(f"wrote {path} ({path.stat().st_size // 1024} KiB)")


def dump(name: str, version: str, mirror: str, folder: Path) -> tuple[dict[str, Any], Path]:
    """The schemas of a real provider, and its plugin.

    Args:
        name: aws, google or random.
        version: a release.
        mirror: a filesystem mirror to take the plugin from; empty takes the registry.
        folder: an empty one to install into; the plugin is valid as long as it is there.

    Raises:
        subprocess.CalledProcessError: Terraform found no such release, or it does not start.
    """
    required = {name: {"source": f"hashicorp/{name}", "version": version}}
    (folder / "main.tf.json").write_text(
        json.dumps({"terraform": {"required_providers": required}})
    )
    found = core.find(folder)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    command = [found.binary, "init", "-input=false"]
    command += [f"-plugin-dir={Path(mirror).absolute()}"] if mirror else []
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=sys.stderr)
    shown = subprocess.run(
        [found.binary, "providers", "schema", "-json"],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )
    # HOST/NAMESPACE/NAME/VERSION/PLATFORM; the last is a link where a mirror is used.
    pattern = f".terraform/providers/*/*/{name}/{version}/*/terraform-provider-{name}_*"
    binaries = folder.glob(pattern)
    return json.loads(shown.stdout), next(binaries).resolve()


def main(arguments: list[str]) -> int:
    """The command; gives the exit status."""
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
        kept = cut(document, used)
        write(DATA / f"{options.provider}-{options.version}.schema.json", kept)
        if not options.no_observe:
            schema = parse(kept)
            found = observe.observe(
                binary, schema, sorted(schema.resources), SETTINGS[options.provider]
            )
            origin = f"observed in the plugin of {options.provider} {options.version}"
            write(
                DATA / f"{options.provider}.behaviour.json",
                {"origin": f"{origin} by tests/harness/schemas/observe.py", "types": found},
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
