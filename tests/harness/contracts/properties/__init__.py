"""The contracts that every legal stack keeps: one module each, a table of data and one check."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from tests.harness.contracts.base import Contract

CONTRACTS: Mapping[str, Contract] = {
    contract.name: contract
    for module in pkgutil.iter_modules(__path__)
    for contract in [importlib.import_module(f"{__name__}.{module.name}").CONTRACT]
}
