"""The browser draws pages, reaches one host, and ends with its owner."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Error

from tests.harness.litellm import browser, release
from tests.harness.paths import ROOT
from tests.harness.process import venvs
from tests.harness.process.child import alive, soon
from tests.integration.test_owner_exit import below

PAGE = "data:text/html,<title>A page</title><script>document.write(6 * 7)</script>"
# Opens a page of which the script never ends, and waits.
OWNER = """
import sys
from tests.harness.litellm import browser, release
with browser.opened(browser.find(release.installed()), "localhost", {}) as tab:
    tab.page.goto("data:text/html,<script>for (;;) {}</script>", wait_until="commit")
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def program() -> browser.Program:
    return browser.find(release.installed())


def test_browser_draws_a_page_and_runs_its_script(program: browser.Program) -> None:
    with browser.opened(program, "localhost", {}) as tab:
        tab.page.goto(PAGE)
        assert tab.page.title() == "A page"
        assert tab.page.inner_text("body") == "42"
        assert len(tab.page.screenshot()) > 1000


def test_browser_reaches_no_other_host(program: browser.Program) -> None:
    with browser.opened(program, "one.example.com", {443: "127.0.0.1:9"}) as tab:
        # Nothing listens on the port of the one host; the other name does not resolve.
        for url, reason in (
            ("https://one.example.com/", "ERR_CONNECTION_REFUSED"),
            ("https://localhost/", "ERR_NAME_NOT_RESOLVED"),
        ):
            with pytest.raises(Error, match=reason):
                tab.page.goto(url)
        assert sorted(tab.hosts) == ["localhost", "one.example.com"]


def test_killed_owner_leaves_no_browser(program: browser.Program, tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        processes = below(owner.pid)
        # The driver, the browser, and the processes of the browser.
        assert len(processes) > 3
        assert list(tmp_path.iterdir()) != []
        owner.kill()
    assert soon(lambda: not any(map(alive, processes)))
    # Their folders for temporary files.
    assert soon(lambda: not list(tmp_path.iterdir())), list(tmp_path.rglob("*"))


def test_program_that_is_no_browser_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, script in (
        ("google-chrome", "echo install another package; exit 1"),
        ("chromium", "echo Chromium 153.0"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    assert browser.find(Path("unused")).path == tmp_path / "chromium"


def test_package_that_npm_lacks_is_one_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    # Nothing listens on this port.
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    with pytest.raises(venvs.InstallError, match="npm cannot install the packages"):
        browser.find(release.installed(), tmp_path)
