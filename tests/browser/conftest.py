"""A real browser on the pages of the test's own server."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from machine import find_browser
from tests.conftest import WorkerStarter

ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    # Debian's wrapper has pages drawn by a GPU, which without one is slow.
    "--disable-gpu",
]

# Playwright runs a loop of its own, which Django would take for one of asynchronous views.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium; without one the tests are skipped, or fail in CI."""
    program = find_browser()
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("There is no Chromium on this machine.")
        pytest.skip("There is no Chromium on this machine: no browser test runs.")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    """Open a page that fails the test when something on it breaks the security policy."""
    context = browser.new_context(base_url=live_server.url)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    yield page
    context.close()
    assert problems == []


@pytest.fixture(scope="module")
def worker(django_db_setup: None, live_server: LiveServer) -> Iterator[None]:
    """Run one worker for all tests of a file: each sees the end of what it had it do."""
    starter = WorkerStarter()
    starter(concurrency=1, PUBLIC_ADDRESS=live_server.url, SANDBOX_PAYMENTS="1")
    yield
    starter.stop()
