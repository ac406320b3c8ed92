"""The errors of the APIs, in the form that all their clients read."""

from __future__ import annotations

from typing import Any

# HTTP status to google.rpc.Code's name and number. Source: google.rpc.Code, HTTP mapping.
_CODES = {
    400: ("INVALID_ARGUMENT", 3),
    403: ("PERMISSION_DENIED", 7),
    404: ("NOT_FOUND", 5),
    409: ("ALREADY_EXISTS", 6),
    412: ("FAILED_PRECONDITION", 9),
    500: ("INTERNAL", 13),
    501: ("UNIMPLEMENTED", 12),
}


class ApiError(Exception):
    """A refusal. ``reason`` is its name in Compute, SQL and Storage, ``rpc`` its name in gRPC."""

    def __init__(self, status: int, message: str, reason: str = "", rpc: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason or {404: "notFound", 409: "alreadyExists"}.get(status, "invalid")
        self.rpc = rpc or _CODES.get(status, _CODES[500])[0]

    def document(self) -> dict[str, Any]:
        """The body of the answer."""
        item = {"message": self.message, "domain": "global", "reason": self.reason}
        return {
            "error": {
                "code": self.status,
                "message": self.message,
                "status": self.rpc,
                "errors": [item],
            }
        }

    def rpc_status(self) -> dict[str, Any]:
        """The error of a long-running operation (google.rpc.Status)."""
        numbers = dict(_CODES.values())
        return {"code": numbers.get(self.rpc, 13), "message": self.message}


def not_served(message: str) -> ApiError:
    """The error of a call that the emulator does not serve.

    Its status is 400: gcloud would repeat a call with status 501 for half a minute, and Terraform
    takes 404 for the end of a resource.
    """
    return ApiError(400, message, rpc="UNIMPLEMENTED")
