"""Which names belong to a stack."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def named(names: Iterable[str], stack: str, *bases: str) -> bool:
    """Whether one of the names of a resource is a name of a stack.

    ``acme-litellm-prod`` is no name of ``acme-litellm-pro``. A long name is shortened and has a
    digest of the whole name (naming.tf of the modules).

    Args:
        names: of the resource.
        stack: the name of the stack.
        bases: further beginnings of its names.
    """
    starts = (stack, *bases)
    marks = [f"-0{hashlib.sha256(start.encode()).hexdigest()[:8]}" for start in starts]
    return any(
        name in starts
        or name.startswith(tuple(f"{start}-" for start in starts))
        or any(mark in name for mark in marks)
        for name in names
    )
