"""Interrupted runs on the local Google Cloud, and the janitor after them."""

from __future__ import annotations

from tests.integration.interruptions import *  # noqa: F403 -- they are the tests of this module

CLOUD = "gcp"
