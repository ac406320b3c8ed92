"""What an administrator does in the dashboard, in a browser, through the load balancer of a stack.

A module of a lifecycle imports the test, beside those of ``stages``.
"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error, Page

from tests.harness.lifecycle.run import Lifecycle, outputs
from tests.harness.litellm import browser, release
from tests.integration.conftest import stage
from tests.integration.probing import Client
from tests.integration.stages import Case
from tests.integration.story import becomes, chat, new_key

USER = "admin"
PROVIDER = "OpenAI-Compatible Endpoints"
MODEL = "a-model-of-the-form"
ANSWER = "the answer of the model of the form"
# LiteLLM writes the log of requests in batches.
LOG_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The dashboard of a stack in a browser.

    Attributes:
        url: of the load balancer.
        tab: the browser's page.
        folder: receives the screenshots, with names that start with ``name``.
        name: the name of the stack.
    """

    url: str
    tab: browser.Tab
    folder: Path
    name: str

    @property
    def page(self) -> Page:
        """The page."""
        return self.tab.page

    def open(self, name: str) -> None:
        """Open a page by its link in the dashboard."""
        self.page.get_by_role("link", name=name, exact=True).click()

    def keep(self, name: str) -> Path:
        """Keep a screenshot."""
        place = self.folder / f"{self.name}-{name}.png"
        self.page.screenshot(path=place)
        return place

    @contextlib.contextmanager
    def shows(self, claim: str) -> Iterator[None]:
        """Fail with a claim, the texts of the page and a screenshot unless the block succeeds."""
        began = time.monotonic()
        try:
            yield
        except (Error, AssertionError) as error:
            place = text = ""
            # A browser that has ended shows neither.
            with contextlib.suppress(Error):
                place = f" Its screenshot is {self.keep('failed')}."
                text = " | ".join(self.page.inner_text("body").split("\n"))[-1500:]
            lost = "\n".join(self.tab.lost)
            raise AssertionError(
                f"The dashboard at {self.page.url} does not show that {claim}.{place}\n{error}\n"
                f"Lost requests: {lost or 'none'}\nThe page: {text}"
            ) from error
        print(f"{claim}: {time.monotonic() - began:.1f} s")


@pytest.fixture
def dashboard(
    lifecycle: Lifecycle, case: Case, client: Client, screenshots: Path
) -> Iterator[Dashboard]:
    host = urlsplit(client.url).hostname
    assert host
    addresses = lifecycle.target.resolve(outputs(lifecycle)[case.entry[0]])
    for earlier in screenshots.glob(f"{case.stack}-*.png"):
        earlier.unlink()
    with browser.opened(browser.find(release.installed()), host, addresses) as tab:
        yield Dashboard(client.url, tab, screenshots, case.stack)


def sign_in(dashboard: Dashboard, password: str) -> None:
    """Send the form of the page that asks for a password."""
    page = dashboard.page
    page.get_by_label("Username").fill(USER)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Login", exact=True).click()


def add_model(dashboard: Dashboard) -> None:
    """Send the form that adds a model, with an answer in place of a provider."""
    page = dashboard.page
    page.get_by_label("Provider").fill(PROVIDER)
    page.get_by_role("option", name=PROVIDER).click()
    # The list replaces a field as soon as the page has the models.
    page.get_by_label("Select models").click()
    page.get_by_role("option", name="Custom Model Name").click()
    page.keyboard.press("Escape")
    page.get_by_placeholder("Enter custom model name").fill(MODEL)
    # Nothing listens on this port.
    page.get_by_label("API Base", exact=True).fill("http://127.0.0.1:9/v1")
    page.get_by_label("OpenAI API Key", exact=True).fill("none")
    page.get_by_text("Advanced Settings").click()
    page.get_by_label("LiteLLM Params").fill(json.dumps({"mock_response": ANSWER}))
    page.get_by_role("button", name="Add Model").click()
    page.get_by_text(f"Model {MODEL} created successfully").wait_for()


@stage("use")
def test_dashboard_signs_in_and_shows_keys_models_and_logs(
    lifecycle: Lifecycle, client: Client, dashboard: Dashboard
) -> None:
    page = dashboard.page
    alias = f"a-key-of-the-test-{uuid.uuid4().hex[:8]}"
    key = new_key(client, key_alias=alias, models=["mock"])
    assert chat(client, key).status_code == 200
    # Without a password of its own, the dashboard takes the master key.
    password = lifecycle.inputs().get("ui_password") or client.key

    with dashboard.shows("a wrong password is refused"):
        page.goto(f"{client.url}/ui/")
        sign_in(dashboard, "not-the-password")
        page.get_by_text("Invalid credentials").first.wait_for()
        assert "/login" in page.url
    with dashboard.shows("the administrator signs in"):
        sign_in(dashboard, password)
        page.wait_for_url(lambda url: "/login" not in url)
    with dashboard.shows("the list of keys has the key of the test"):
        dashboard.open("Virtual Keys")
        page.get_by_role("row").filter(has_text=alias).wait_for()
    with dashboard.shows("its form adds a model, which answers a chat at the gateway"):
        dashboard.open("Models + Endpoints")
        page.get_by_role("tab", name="Add Model").click()
        add_model(dashboard)
        becomes(200, lambda: chat(client, "master", MODEL))
        assert ANSWER in chat(client, "master", MODEL).text
    with dashboard.shows("the log of requests has the chat of the test"):
        dashboard.open("Logs")
        row = page.get_by_role("row").filter(has_text=alias)
        # The page asks again every 15 seconds.
        row.filter(has_text="Success").first.wait_for(timeout=LOG_SECONDS * 1000)
    with dashboard.shows("its requests reach the stack only, and none is lost"):
        assert list(dashboard.tab.hosts) == [urlsplit(client.url).hostname], dashboard.tab.hosts
        assert dashboard.tab.lost == []
    print(f"screenshot: {dashboard.keep('dashboard')}")


__all__ = ["dashboard", "test_dashboard_signs_in_and_shows_keys_models_and_logs"]
