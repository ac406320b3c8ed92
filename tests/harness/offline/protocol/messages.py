"""Terraform's plugin protocol 5, built at run time from a description of its messages.

The description (``data/protocol.json``) lists messages, fields with their numbers, enums and calls.
protobuf creates the classes from it, so the repository has no generated code.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

DATA = Path(__file__).parents[1] / "data"
_SCALARS = {
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
}


@cache
def _description() -> dict[str, Any]:
    description: dict[str, Any] = json.loads((DATA / "protocol.json").read_text())
    return description


def _enum_names(package: str, scope: dict[str, Any], prefix: str) -> set[str]:
    names = {f".{package}.{prefix}{name}" for name in scope.get("enums", {})}
    for name, message in scope.get("messages", {}).items():
        names |= _enum_names(package, message, f"{prefix}{name}.")
    return names


def _add_enums(target: Any, enums: dict[str, dict[str, int]]) -> None:
    for name, values in enums.items():
        enum = target.enum_type.add(name=name)
        # proto3 requires the zero value first.
        for label, number in sorted(values.items(), key=lambda item: item[1]):
            enum.value.add(name=label, number=number)


def _fill_message(proto: Any, message: dict[str, Any], enums: set[str]) -> None:
    oneofs: list[str] = []
    for name, field in sorted(message.get("fields", {}).items(), key=lambda f: int(f[1]["number"])):
        added = proto.field.add(name=name, number=field["number"])
        added.label = (
            descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
            if field.get("repeated")
            else descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
        )
        kind = field["type"]
        if kind in _SCALARS:
            added.type = _SCALARS[kind]
        else:
            added.type_name = kind
            added.type = (
                descriptor_pb2.FieldDescriptorProto.TYPE_ENUM
                if kind in enums
                else descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
            )
        if "oneof" in field:
            if field["oneof"] not in oneofs:
                oneofs.append(field["oneof"])
                proto.oneof_decl.add(name=field["oneof"])
            added.oneof_index = oneofs.index(field["oneof"])
    _add_enums(proto, message.get("enums", {}))
    for name, nested in message.get("messages", {}).items():
        _fill_message(proto.nested_type.add(name=name), nested, enums)
    if message.get("map_entry"):
        proto.options.map_entry = True


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    description = _description()
    package = description["package"]
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto", package=package, syntax="proto3"
    )
    file.dependency.append(timestamp_pb2.DESCRIPTOR.name)
    enums = _enum_names(package, description, "")
    _add_enums(file, description["enums"])
    for name, message in description["messages"].items():
        _fill_message(file.message_type.add(name=name), message, enums)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


@cache
def message(name: str) -> Any:
    """The class of a message, by its name in the protocol's package (``Schema.Block``)."""
    package = _description()["package"]
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{package}.{name}"))


@cache
def enum(name: str) -> dict[str, int]:
    """The members of an enum by label (``Diagnostic.Severity``)."""
    package = _description()["package"]
    return {
        value.name: value.number for value in _pool().FindEnumTypeByName(f"{package}.{name}").values
    }


def calls() -> dict[str, tuple[Any, Any]]:
    """The calls of the provider service: name to (request class, response class)."""
    package = _description()["package"]
    prefix = f".{package}."
    return {
        name: (
            message(call["request"].removeprefix(prefix)),
            message(call["response"].removeprefix(prefix)),
        )
        for name, call in _description()["service"]["calls"].items()
    }


def service_name() -> str:
    """The gRPC name of the provider service (``tfplugin5.Provider``)."""
    description = _description()
    return f"{description['package']}.{description['service']['name']}"
