"""Run a real provider plugin and call it, without Terraform.

A plugin in its debug mode prints its address and serves until it is killed. Some requests crash a
plugin. Then the caller gets :class:`PluginCrashError`, and the next call starts the plugin again.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import grpc

from tests.harness.offline.protocol import cty, messages
from tests.harness.offline.protocol.schema import Block, ProviderSchema
from tests.harness.terraform.providers import DROPPED

_REATTACH = re.compile(r"TF_REATTACH_PROVIDERS='(.*)'")
# A plan of one resource takes milliseconds.
_CALL_SECONDS = 120
# The version of Terraform that the plugin reads from the configuration.
_TERRAFORM = "1.11.0"


Call = Callable[..., Any]
"""Makes one call of the protocol: (name, fields of the request) to the response."""


class PluginError(RuntimeError):
    """The plugin does not start."""


class PluginCrashError(RuntimeError):
    """The plugin ended, or refused to answer, in the call that the message names."""


def dynamic(value: Any) -> Any:
    """``value`` as the protocol's DynamicValue."""
    return messages.message("DynamicValue")(msgpack=cty.encode(value))


def null(block: Block) -> dict[str, Any]:
    """The value of a block without any argument."""
    empty: dict[str, Any] = dict.fromkeys(block.attributes)
    for name, nested in block.blocks.items():
        one = nested.nesting in ("single", "group")
        empty[name] = None if one else ({} if nested.nesting == "map" else [])
    return empty


def plan(call: Call, type_name: str, prior: Any, proposed: Any, config: Any) -> Any:
    """The response to PlanResourceChange, of a plugin or of the offline provider.

    Raises:
        PluginError: the plugin does not start.
        PluginCrashError: the plugin ended or gave no answer.
    """
    return call(
        "PlanResourceChange",
        type_name=type_name,
        prior_state=dynamic(prior),
        proposed_new_state=dynamic(proposed),
        config=dynamic(config),
    )


class Plugin:
    """A plugin with a configured provider block. ``crashes`` names each call that ended it."""

    def __init__(
        self, binary: Path, schema: ProviderSchema, settings: Mapping[str, Any], log: IO[bytes]
    ) -> None:
        self.crashes: list[str] = []
        self._binary = binary
        self._config = {**null(schema.provider.block), **settings}
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._channel: Any = None

    def call(self, name: str, **fields: Any) -> Any:
        """Make one call with the fields of its request; returns the response message.

        Raises:
            PluginError: the plugin does not start.
            PluginCrashError: the plugin ended or gave no answer. ``crashes`` then names the call.
        """
        if self._process is None:
            self._start()
        try:
            return self._send(name, **fields)
        except grpc.RpcError as error:
            self.stop()
            called = f"{name} for {fields.get('type_name', 'the provider')}"
            # The details depend on the moment at which the connection ends.
            self.crashes.append(called)
            raise PluginCrashError(f"{called}: {_reason(error)}") from error

    def _start(self) -> None:
        # Variables of Terraform and of a cloud change what a plugin does.
        dropped = (*DROPPED, "PLUGIN_")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        self._process = subprocess.Popen(
            [str(self._binary), "-debug"],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
            start_new_session=True,
        )
        address = ""
        for line in self._process.stdout or ():
            match = _REATTACH.search(line)
            if match:
                address = next(iter(json.loads(match[1]).values()))["Addr"]["String"]
                break
        if not address:
            self.stop()
            raise PluginError(f"{self._binary} ended before it printed its address")
        self._channel = grpc.insecure_channel(
            f"unix:{address}", options=[("grpc.max_receive_message_length", -1)]
        )
        self._send("Configure", config=dynamic(self._config), terraform_version=_TERRAFORM)

    def _send(self, name: str, **fields: Any) -> Any:
        request, response = messages.calls()[name]
        method = self._channel.unary_unary(
            f"/{messages.service_name()}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        return method(request(**fields), timeout=_CALL_SECONDS)

    def stop(self) -> None:
        """End the plugin."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
            self._process = None


def _reason(error: Any) -> str:
    return f"{error.code().name}: {error.details()}"


@contextlib.contextmanager
def running(binary: Path, schema: ProviderSchema, settings: Mapping[str, Any]) -> Iterator[Plugin]:
    """A plugin that ends with the block.

    Args:
        binary: the executable of the plugin.
        schema: its schema.
        settings: the provider block.
    """
    with tempfile.TemporaryFile() as log:
        plugin = Plugin(binary, schema, settings, log)
        try:
            yield plugin
        finally:
            plugin.stop()
