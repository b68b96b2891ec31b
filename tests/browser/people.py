"""What a person does on every page, and what every page must be."""

from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests import make


def sign_in(page: Page, email: str) -> None:
    """Sign in as somebody whom `make` made."""
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
    themes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for theme in themes:
        # Colors that are on their way from one theme to the other are nobody's.
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        violations = Axe().run(page).response["violations"]
        found = [
            (theme, one["id"], node["html"], node["any"][0]["message"])
            for one in violations
            for node in one["nodes"]
        ]
        assert found == [], found


def check_width(page: Page) -> None:
    """See that nothing makes the page wider than a phone."""
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function("document.documentElement.scrollWidth <= 390", timeout=5000)
