"""The value that is known only after apply."""

from __future__ import annotations

from typing import Any, Final


class _Unknown:
    """A value known only after apply. It is equal to nothing but itself."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        raise TypeError("an unknown value is neither true nor false")

    def __deepcopy__(self, _memo: dict[int, Any]) -> _Unknown:
        return self


UNKNOWN: Final = _Unknown()
