"""Where the providers come from: ours offline, a mirror on this machine, or the registry."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.harness.offline.catalogue import releases
from tests.harness.offline.protocol.launch import serving

PROVIDERS = ("aws", "google", "random")
_NAMESPACE = "registry.terraform.io/hashicorp"

# Real plugins plan without an account: they want credentials to be there, not to be right.
_DUMMY_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "offline",
    "AWS_SECRET_ACCESS_KEY": "offline",
    "AWS_EC2_METADATA_DISABLED": "true",
    "GOOGLE_OAUTH_ACCESS_TOKEN": "offline",
}
# AWS_CA_BUNDLE breaks the second configuration of a provider that stays up.
_DROPPED = ("TF_", "AWS_", "GOOGLE_", "CLOUDSDK_")


class ProviderError(ValueError):
    """The choice of providers cannot be served."""


@dataclass(frozen=True, slots=True)
class Choice:
    """``offline``, ``registry`` or ``mirror:DIR``, with the offline releases to serve.

    ``resolved``: the offline providers plan what an apply would make known. A plan then shows what
    containers, policies and routes are given; whether one is possible at all where values are
    unknown, it does not show. ``live``: an apply changes what the provider blocks' endpoints serve;
    without it what a cloud would answer is made up.
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
    """The providers in a filesystem mirror: name to the newest version there."""
    found: dict[str, str] = {}
    for name in PROVIDERS:
        versions = [path.name for path in (folder / _NAMESPACE / name).glob("[0-9]*")]
        if versions:
            found[name] = max(versions, key=lambda v: [int(p) for p in v.split(".") if p.isdigit()])
    return found


def choose(text: str, pinned: Mapping[str, str] | None = None) -> Choice:
    """The choice that ``--providers`` names.

    Args:
        text: ``offline``, ``registry`` or ``mirror:DIR``.
        pinned: releases to serve offline in place of the oldest there is, which is the lowest that
            the modules admit.

    Raises:
        ProviderError: the text is none of these, or the folder holds no provider of ours.
    """
    oldest = {name: releases(name)[0] for name in PROVIDERS} | dict(pinned or {})
    if text == "offline":
        return Choice(offline=oldest)
    if text == "registry":
        return Choice(mode="registry")
    mode, _, folder = text.partition(":")
    if mode == "mirror" and folder:
        held = mirrored(Path(folder))
        if not held:
            raise ProviderError(f"{folder} holds no {_NAMESPACE}/{{{','.join(PROVIDERS)}}}/VERSION")
        rest = {name: version for name, version in oldest.items() if name not in held}
        return Choice(mode="mirror", mirror=Path(folder), offline=rest)
    raise ProviderError(f"--providers={text}: takes offline, registry or mirror:DIR")


def newest() -> Choice:
    """The newest releases there is a schema of, offline."""
    return choose("offline", {name: releases(name)[-1] for name in PROVIDERS})


def resolved_choice(choice: Choice) -> Choice:
    """The same releases offline, planning what an apply would make known.

    Raises:
        ProviderError: a provider of the choice is not an offline one.
    """
    if choice.mode != "offline":
        raise ProviderError(f"only the offline providers resolves an apply, not {choice}")
    return replace(choice, resolved=True)


def live(choice: Choice) -> Choice:
    """The same providers, applying to what the provider blocks' endpoints serve."""
    return replace(choice, live=True)


def _cli_configuration(choice: Choice) -> str:
    if choice.mode == "registry":
        return "disable_checkpoint = true\n"
    path = json.dumps(str(choice.mirror.absolute() if choice.mirror else Path(os.devnull)))
    return (
        "disable_checkpoint = true\n"
        f"provider_installation {{\n  filesystem_mirror {{\n    path = {path}\n  }}\n}}\n"
    )


@contextlib.contextmanager
def environment(choice: Choice, folder: Path) -> Iterator[dict[str, str]]:
    """The environment that Terraform runs in, valid inside the block.

    The caller's TF_, AWS_, GOOGLE_ and CLOUDSDK_ variables are left out, so that a plan is a
    function of its inputs and no account can be reached by mistake.
    """
    configuration = folder / "terraformrc"
    configuration.write_text(_cli_configuration(choice))
    held = {key: value for key, value in os.environ.items() if not key.startswith(_DROPPED)}
    held |= {
        **_DUMMY_CREDENTIALS,
        "TF_CLI_CONFIG_FILE": str(configuration),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        # Terraform's collector and scheduler take a third of a plan's time: a plan's garbage fits
        # in memory, and the other core belongs to the provider or to another worker.
        "GOGC": "800",
        **({"GOMAXPROCS": "1"} if "PYTEST_XDIST_WORKER" in os.environ else {}),
    }
    if not choice.offline:
        yield held
        return
    log = folder / "offline.log"
    with serving(choice.offline, log, resolved=choice.resolved, live=choice.live) as reattach:
        yield {**held, "TF_REATTACH_PROVIDERS": json.dumps(reattach)}
