"""The random provider: ephemeral passwords are drawn for real, managed values at apply."""

from __future__ import annotations

import secrets
import string
from typing import Any

from tests.harness.offline.providers import Behaviour, Settings

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"


def password(config: dict[str, Any], _settings: Settings) -> dict[str, Any]:
    """An ephemeral ``random_password`` with the classes of characters asked for."""
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


BEHAVIOUR = Behaviour(ephemeral={"random_password": password})
