"""Choose the providers: the offline provider, a filesystem mirror, or the registry."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.harness.offline.catalogue import releases
from tests.harness.offline.protocol.launch import serving

PROVIDERS = ("aws", "google", "random")
MIRROR = "LITELLM_PROVIDER_MIRROR"
"""The variable that names a filesystem mirror of real plugins."""
_OWNER = "hashicorp"
# The host in the address of a provider, by core. Both hosts serve the same plugins.
_HOSTS = ("registry.terraform.io", "registry.opentofu.org")

# Real plugins plan without an account. They require credentials, but do not verify them.
_DUMMY_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "offline",
    "AWS_SECRET_ACCESS_KEY": "offline",
    "AWS_EC2_METADATA_DISABLED": "true",
    "GOOGLE_OAUTH_ACCESS_TOKEN": "offline",
}
# The environment of Terraform has no variable with these prefixes. AWS_CA_BUNDLE, for example,
# breaks the second configuration of a provider that keeps running.
DROPPED = ("TF_", "AWS_", "GOOGLE_", "CLOUDSDK_")


class ProviderError(ValueError):
    """A choice of providers is invalid."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The providers of a session.

    Attributes:
        mode: ``offline``, ``registry`` or ``mirror``.
        mirror: the folder of a filesystem mirror.
        offline: the release of each provider that the offline provider serves.
        resolved: whether plans are resolved plans. A resolved plan shows the values of containers,
            policies and routes. It does not show whether Terraform can plan while they are unknown.
        live: whether an apply calls the endpoints of the provider blocks. If not, the offline
            provider generates the values that a cloud would return.
    """

    mode: str = "offline"
    mirror: Path | None = None
    offline: Mapping[str, str] = field(default_factory=dict)
    resolved: bool = False
    live: bool = False

    def __str__(self) -> str:
        served = ", ".join(f"{name} {version}" for name, version in self.offline.items())
        if self.mode == "registry":
            return "from the registry"
        plugins = f"plugins from the mirror {self.mirror}" if self.mirror else ""
        how = "offline, resolved," if self.resolved else "offline"
        return "; ".join(part for part in (plugins, f"{how} {served}" if served else "") if part)


def mirrored(folder: Path) -> Mapping[str, str]:
    """The providers of a filesystem mirror: name to the newest version in the mirror."""
    newest_versions: dict[str, str] = {}
    for name in PROVIDERS:
        versions = [path.name for path in _plugins(folder).joinpath(name).glob("[0-9]*")]
        if versions:
            newest_versions[name] = max(
                versions, key=lambda v: [int(p) for p in v.split(".") if p.isdigit()]
            )
    return newest_versions


def plugin_folder(folder: Path, name: str, version: str) -> Path:
    """The folder of a filesystem mirror with a release of a provider, packed or unpacked."""
    return _plugins(folder) / name / version


def plugin(name: str, environment: Mapping[str, str]) -> Path | None:
    """The folder of the newest plugin of a provider; None without a mirror that has one.

    Args:
        name: the provider.
        environment: ``LITELLM_PROVIDER_MIRROR`` names the mirror.
    """
    folder = environment.get(MIRROR, "")
    version = mirrored(Path(folder)).get(name) if folder else None
    return plugin_folder(Path(folder), name, version) if version else None


def applying(name: str, environment: Mapping[str, str]) -> Choice:
    """The choice for an apply: the mirror that has a plugin of the provider, or offline."""
    return choose(f"mirror:{environment[MIRROR]}" if plugin(name, environment) else "offline")


def _plugins(folder: Path) -> Path:
    """The folder of a mirror with the providers; that of the first host if there is none."""
    found = [folder / host / _OWNER for host in _HOSTS]
    return next((path for path in found if path.is_dir()), found[0])


def choose(text: str, pinned: Mapping[str, str] | None = None) -> Choice:
    """The choice that ``--providers`` names.

    Args:
        text: ``offline``, ``registry`` or ``mirror:DIR``.
        pinned: offline releases that override the default, which is the oldest with a schema. That
            is the lowest release that the modules admit.

    Raises:
        ProviderError: the text has another form, or the mirror has no provider of the modules.
    """
    oldest = {name: releases(name)[0] for name in PROVIDERS} | dict(pinned or {})
    if text == "offline":
        return Choice(offline=oldest)
    if text == "registry":
        return Choice(mode="registry")
    mode, _, folder = text.partition(":")
    if mode == "mirror" and folder:
        mirrored_versions = mirrored(Path(folder))
        if not mirrored_versions:
            raise ProviderError(
                f"--providers={text}: {folder} has no "
                f"{_HOSTS[0]}/{_OWNER}/{{{','.join(PROVIDERS)}}}/VERSION; name a filesystem mirror"
            )
        rest = {name: version for name, version in oldest.items() if name not in mirrored_versions}
        return Choice(mode="mirror", mirror=Path(folder), offline=rest)
    raise ProviderError(f"--providers={text}: use offline, registry or mirror:DIR")


def newest() -> Choice:
    """The newest offline releases that have a schema."""
    return choose("offline", {name: releases(name)[-1] for name in PROVIDERS})


def resolved_choice(choice: Choice) -> Choice:
    """The same offline releases, for resolved plans.

    Raises:
        ProviderError: the choice is not offline.
    """
    if choice.mode != "offline":
        raise ProviderError(
            f"{choice}: only offline providers create resolved plans; use --providers=offline"
        )
    return replace(choice, resolved=True)


def live(choice: Choice) -> Choice:
    """The same providers, which apply through the endpoints of the provider blocks."""
    return replace(choice, live=True)


def _cli_configuration(choice: Choice, folder: Path) -> str:
    if choice.mode == "registry":
        return "disable_checkpoint = true\n"
    mirror = Path(os.devnull)
    if choice.mirror:
        # A core looks below the host of its own registry only, and follows links to packages only.
        mirror = folder / "mirror"
        plugins = _plugins(choice.mirror.absolute())
        for host, package in itertools.product(_HOSTS, plugins.glob("*/*/*")):
            link = mirror / host / _OWNER / package.relative_to(plugins)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(package)
    path = json.dumps(str(mirror))
    return (
        "disable_checkpoint = true\n"
        f"provider_installation {{\n  filesystem_mirror {{\n    path = {path}\n  }}\n}}\n"
    )


@contextlib.contextmanager
def environment(choice: Choice, folder: Path) -> Iterator[dict[str, str]]:
    """The environment of Terraform, valid inside the block.

    It has none of the caller's TF_, AWS_, GOOGLE_ and CLOUDSDK_ variables. A plan then depends only
    on its inputs, and no command reaches an account by mistake.
    """
    configuration = folder / "terraformrc"
    configuration.write_text(_cli_configuration(choice, folder))
    variables = {key: value for key, value in os.environ.items() if not key.startswith(DROPPED)}
    variables |= {
        **_DUMMY_CREDENTIALS,
        "TF_CLI_CONFIG_FILE": str(configuration),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        # Garbage collection and scheduling would take a third of the time of a plan. The garbage
        # fits in memory, and the provider or another worker needs the other core.
        "GOGC": "800",
        **({"GOMAXPROCS": "1"} if "PYTEST_XDIST_WORKER" in os.environ else {}),
    }
    if not choice.offline:
        yield variables
        return
    log = folder / "offline.log"
    with serving(choice.offline, log, resolved=choice.resolved, live=choice.live) as reattach:
        yield {**variables, "TF_REATTACH_PROVIDERS": json.dumps(reattach)}
