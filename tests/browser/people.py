"""What a person does on every page, and what every page must be."""

from typing import Literal

from axe_playwright_python.base import AXE_SCRIPT
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page

from accounts.models import User
from tests import make

HOST = "localhost"  # of the server of the tests
# What axe is to look for in each theme; they differ by their colors only. All that is well it need
# not describe, which takes as long again.
VIOLATIONS = {"resultTypes": ["violations"]}
LOOKS = {
    "light": VIOLATIONS,
    "dark": VIOLATIONS | {"runOnly": ["color-contrast", "link-in-text-block"]},
}


def sign_in(page: Page, email: str) -> None:
    """Have somebody whom `make` made be signed in, without the form."""
    client = Client()
    client.force_login(User.objects.get(email=email))
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "domain": HOST, "path": "/"}]
    )


def fill_in_sign_in(page: Page, email: str) -> None:
    """Sign in by the form, as a person does."""
    page.goto("/")
    page.get_by_label("Mail address").fill(email)
    page.get_by_label("Password").fill(make.PASSWORD)
    submit(page, "Sign in")


def submit(page: Page, button: str) -> None:
    """Press a button of a form and wait for the page that answers.

    ``click`` alone may return while the old page still stands, and what comes next sees its end.
    """
    with page.expect_navigation():
        page.get_by_role("button", name=button).click()


def check_accessibility(page: Page) -> None:
    """Let axe look at the page in both themes."""
    check_theme(page, "light")
    check_theme(page, "dark")


def check_theme(page: Page, theme: Literal["light", "dark"]) -> None:
    """Let axe look at the page in a theme."""
    # Colors that are on their way from one theme to the other are nobody's.
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    # A script of the page hears of the theme later; pages that have none follow by their styles.
    page.wait_for_selector(f"html:is([data-bs-theme={theme}], :not([data-bs-theme]))")
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    violations = page.evaluate("looks => axe.run(looks).then(all => all.violations)", LOOKS[theme])
    found = [
        (theme, one["id"], node["html"], node["failureSummary"])
        for one in violations
        for node in one["nodes"]
    ]
    assert found == [], found


def check_width(page: Page) -> None:
    """See that nothing makes the page wider than a phone."""
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function("document.documentElement.scrollWidth <= 390", timeout=5000)
