"""The random provider: it draws ephemeral passwords at plan, and managed values at apply."""

from __future__ import annotations

import base64
import secrets
import string
from typing import Any

from tests.harness.offline.protocol.schema import Block
from tests.harness.offline.providers import ApplyError, Behaviour, Live, Settings

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"


def password(config: dict[str, Any], _settings: Settings) -> dict[str, Any]:
    """The values of an ephemeral ``random_password`` with the configured character classes."""
    classes = [
        ("lower", string.ascii_lowercase),
        ("upper", string.ascii_uppercase),
        ("numeric", string.digits),
        ("special", config.get("override_special") or _SPECIAL),
    ]
    used = [(name, letters) for name, letters in classes if config.get(name) is not False]
    drawn = [
        secrets.choice(letters)
        for name, letters in used
        for _ in range(config.get(f"min_{name}") or 0)
    ]
    pool = "".join(letters for _, letters in used)
    drawn += [secrets.choice(pool) for _ in range(int(config["length"]) - len(drawn))]
    secrets.SystemRandom().shuffle(drawn)
    defaults = {name: config.get(name) is not False for name, _ in classes}
    minima = {f"min_{name}": config.get(f"min_{name}") or 0 for name, _ in classes}
    return {**config, **defaults, **minima, "result": "".join(drawn), "bcrypt_hash": ""}


def _change(
    type_name: str,
    _block: Block,
    planned: dict[str, Any] | None,
    prior: dict[str, Any] | None,
    _config: dict[str, Any],
    _settings: Settings,
) -> dict[str, Any] | None:
    if planned is None or prior is not None:
        return planned
    if type_name != "random_id":
        raise ApplyError(
            f"the offline provider cannot apply {type_name}: add it to "
            "tests/harness/offline/providers/random.py"
        )
    drawn = secrets.token_bytes(int(planned["byte_length"]))
    prefix = planned.get("prefix") or ""
    url = base64.urlsafe_b64encode(drawn).decode().rstrip("=")
    return {
        **planned,
        "b64_std": prefix + base64.b64encode(drawn).decode(),
        "b64_url": prefix + url,
        "dec": prefix + str(int.from_bytes(drawn, "big")),
        "hex": prefix + drawn.hex(),
        "id": url,
    }


def _read(
    _type_name: str, _block: Block, state: dict[str, Any], _settings: Settings
) -> dict[str, Any]:
    return state


BEHAVIOUR = Behaviour(ephemeral={"random_password": password}, live=Live(_change, _read))
