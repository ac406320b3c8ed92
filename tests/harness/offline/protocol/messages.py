"""Terraform's plugin protocol 5: the classes of its messages, compiled from ``tfplugin5.proto``.

protoc, from the package grpcio-tools, compiles the file at run time in a few milliseconds, so the
repository has no generated code.
"""

from __future__ import annotations

import importlib.resources
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

_FILE = "tfplugin5.proto"
_FOLDER = Path(__file__).parents[1] / "data"
_PACKAGE = "tfplugin5"
_SERVICE = "Provider"


class ProtocolError(RuntimeError):
    """protoc cannot compile the protocol; it prints why."""


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    with (
        importlib.resources.as_file(importlib.resources.files("grpc_tools") / "_proto") as included,
        tempfile.TemporaryDirectory() as folder,
    ):
        compiled = Path(folder) / "descriptors"
        arguments = [f"-I{_FOLDER}", f"-I{included}", "--include_imports"]
        if protoc.main(["protoc", *arguments, f"--descriptor_set_out={compiled}", _FILE]) != 0:
            raise ProtocolError(f"protoc cannot compile {_FOLDER / _FILE}")
        files = descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


@cache
def message(name: str) -> Any:
    """The class of a message, by its name in the package of the protocol (``Schema.Block``)."""
    descriptor = _pool().FindMessageTypeByName(f"{_PACKAGE}.{name}")
    return message_factory.GetMessageClass(descriptor)


@cache
def enum(name: str) -> dict[str, int]:
    """The members of an enum by label (``Diagnostic.Severity``)."""
    values = _pool().FindEnumTypeByName(f"{_PACKAGE}.{name}").values
    return {value.name: value.number for value in values}


def calls() -> dict[str, tuple[Any, Any]]:
    """The calls of the provider service: name to (request class, response class)."""
    prefix = f"{_PACKAGE}."
    return {
        method.name: (
            message(method.input_type.full_name.removeprefix(prefix)),
            message(method.output_type.full_name.removeprefix(prefix)),
        )
        for method in _pool().FindServiceByName(service_name()).methods
    }


def service_name() -> str:
    """The gRPC name of the provider service (``tfplugin5.Provider``)."""
    return f"{_PACKAGE}.{_SERVICE}"
