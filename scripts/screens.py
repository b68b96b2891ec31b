"""Take pictures of the demo's pages into docs/screens. Run by ``make screens``.

Each page in light and dark, wide and narrow. The demo is started for it and stopped again.
"""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from machine import find_browser

ROOT = Path(__file__).resolve().parent.parent
SCREENS = ROOT / "docs" / "screens"
PORT = 8499
OWNER, SHARED = "mara.quint@larkspur.example", "desk@partner.example"
OPERATOR = "operator@console.example"
BANK = "/w/larkspur-bank/"
WIDTHS = (1440, 390)
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
COLORS = 128  # of a picture's palette; enough for pages, and a third of the bytes

# Name, who looks, address, and which links to follow from there to the page that is meant.
PAGES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("sign-in", "", "/sign-in", ()),
    ("workspaces", OWNER, "/", ()),
    ("dashboard", OWNER, BANK, ()),
    ("usage-graph", OWNER, f"{BANK}usage/", ()),
    ("usage-running-total", OWNER, f"{BANK}usage/?range=this_month&running=on", ()),
    ("usage-table", OWNER, f"{BANK}usage/?view=table&rows=bot", ()),
    ("usage-nothing-matches", OWNER, f"{BANK}usage/?channel=pager", ()),
    ("sessions", OWNER, f"{BANK}usage/sessions/?bot=branch-finder", ()),
    (
        "conversation",
        OWNER,
        f"{BANK}usage/sessions/?kind=usage&bot=branch-finder",
        ("tr:has-text('3 of 3') a",),
    ),
    (
        "why",
        OWNER,
        f"{BANK}usage/sessions/?kind=usage&bot=branch-finder",
        ("a[data-drawer]:has-text('3 of 3')",),
    ),
    ("how-sessions-are-counted", OWNER, f"{BANK}usage/how-sessions-are-counted/", ()),
    ("insight-plans", OWNER, f"{BANK}insight/?months=6&top_up=500", ()),
    ("insight-sessions", OWNER, f"{BANK}insight/sessions/", ()),
    ("insight-credits", OWNER, f"{BANK}insight/credits/", ("a:has-text('By bot')",)),
    ("plans", OWNER, f"{BANK}plan/", ()),
    ("plan-notices", OWNER, f"{BANK}plan/", ("tr:has-text('Business Banking') .bubble-button",)),
    ("plan-manage", OWNER, f"{BANK}plan/", ("tr:has-text('People Desk') td a",)),
    (
        "plan-change",
        OWNER,
        f"{BANK}plan/",
        ("td a:has-text('Mortgage Guide')", "a:has-text('Change plan')"),
    ),
    ("plans-compared", OWNER, f"{BANK}plan/compare", ()),
    ("credits", OWNER, f"{BANK}plan/credits/", ()),
    ("credit-lot", OWNER, f"{BANK}plan/credits/", ("td a",)),
    ("funds", OWNER, f"{BANK}plan/funds", ()),
    ("auto-reload", OWNER, f"{BANK}plan/reload", ()),
    ("orders", OWNER, f"{BANK}orders/", ()),
    ("order", OWNER, f"{BANK}orders/1/", ()),
    ("invoice", OWNER, f"{BANK}orders/?show=completed", ("td a:has-text('View')",)),
    (
        "invoice-proof",
        OWNER,
        f"{BANK}orders/?show=completed",
        ("td a:has-text('View')", "a:has-text('Prove this')"),
    ),
    ("order-renewal", OWNER, f"{BANK}orders/6/", ()),
    ("billing-details", OWNER, f"{BANK}settings/billing-details", ()),
    ("payment-methods", OWNER, f"{BANK}settings/payment-methods", ()),
    (
        "payment-method-remove",
        OWNER,
        f"{BANK}settings/payment-methods",
        ("main a:has-text('Remove')",),
    ),
    ("statements", OWNER, f"{BANK}statements/", ()),
    ("statement", OWNER, f"{BANK}statements/", ("td a",)),
    ("usage-alerts", OWNER, f"{BANK}usage-alerts/", ()),
    ("usage-alert", OWNER, f"{BANK}usage-alerts/", ("td a",)),
    ("tie-out", OWNER, f"{BANK}tie-out/", ()),
    ("tie-out-sessions", OWNER, f"{BANK}tie-out/?show=sessions&kind=all", ()),
    ("bots", OWNER, f"{BANK}bots/", ()),
    ("bot", OWNER, f"{BANK}bots/", ("td a",)),
    ("bot-archive", OWNER, f"{BANK}bots/", ("td a", ".actions a:has-text('Archive')")),
    ("users-and-roles", OWNER, f"{BANK}people/", ()),
    ("invite", OWNER, f"{BANK}people/invite", ()),
    ("change-role", OWNER, f"{BANK}people/", ("td a:has-text('Change role')",)),
    ("profile", OWNER, "/profile/", ()),
    ("second-factor", OWNER, "/profile/second-factor/", ()),
    ("bot-new", OWNER, f"{BANK}bots/new", ()),
    ("audit-log", OWNER, f"{BANK}audit-log/", ()),
    ("audit-log-entry", OWNER, f"{BANK}audit-log/", ("td summary",)),
    ("developers", OWNER, f"{BANK}developers/", ()),
    ("api-key-new", OWNER, f"{BANK}developers/keys/new", ()),
    ("event-log", OWNER, f"{BANK}developers/events/", ()),
    ("settings", OWNER, f"{BANK}settings/", ()),
    ("not-found", OWNER, f"{BANK}nothing-here/", ()),
    ("usage-shared", SHARED, f"{BANK}usage/", ()),
    ("bots-shared", SHARED, f"{BANK}bots/", ()),
    ("operator-workspaces", OPERATOR, "/operator/", ()),
    ("operator-workspace", OPERATOR, "/operator/workspaces/larkspur-bank/", ()),
    ("operator-plans", OPERATOR, "/operator/plans/", ()),
    ("operator-plan", OPERATOR, "/operator/plans/essential/", ()),
    ("operator-plan-version", OPERATOR, "/operator/plans/essential/new", ()),
    ("operator-extensions", OPERATOR, "/operator/extensions/", ()),
    ("operator-credits", OPERATOR, "/operator/workspaces/larkspur-bank/credits", ()),
    ("operator-wires", OPERATOR, "/operator/wires/", ()),
    ("operator-mails", OPERATOR, "/operator/mails/", ()),
    ("operator-books", OPERATOR, "/operator/books/", ()),
    ("operator-receivables", OPERATOR, "/operator/books/receivables/", ()),
    ("operator-tie-outs", OPERATOR, "/operator/tie-outs/", ()),
    ("operator-seller", OPERATOR, "/operator/seller/", ()),
    ("operator-health", OPERATOR, "/operator/health/", ()),
    ("operator-audit", OPERATOR, "/operator/audit/", ()),
)
HIGHEST = 2400  # pixels of a picture; longer pages are cut


def main() -> int:
    """Take all pictures anew."""
    program = find_browser()
    if program is None:
        print("make screens needs Chromium on this machine.", file=sys.stderr)
        return 1
    SCREENS.mkdir(parents=True, exist_ok=True)
    with run_demo() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-background-networking"],
        )
        for width in WIDTHS:
            for theme in THEMES:
                take_all(browser, address, width, theme)
        browser.close()
    return 0


@contextmanager
def run_demo() -> Iterator[str]:
    """Run the demo, filled the first time; yield its address."""
    command = [sys.executable, "manage.py", "demo", "--port", str(PORT)]
    demo = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    address = f"http://127.0.0.1:{PORT}/"
    try:
        assert demo.stdout is not None  # noqa: S101
        if not any(line.strip() == address for line in demo.stdout):
            raise SystemExit("The demo did not start.")
        yield address
    finally:
        demo.terminate()
        demo.wait()


def take_all(browser: Browser, address: str, width: int, theme: Literal["light", "dark"]) -> None:
    """Take a picture of each page in one width and theme."""
    for who in dict.fromkeys(page[1] for page in PAGES):
        context = browser.new_context(
            base_url=address,
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            reduced_motion="reduce",
        )
        page = context.new_page()
        if who:
            sign_in(page, who)
        for name, looker, place, follow in PAGES:
            if looker == who:
                page.goto(place, wait_until="networkidle")
                for link in follow:
                    page.locator(link).first.click()
                    page.wait_for_timeout(300)  # a drawer is filled by then
                    page.wait_for_load_state("networkidle")
                save(page.screenshot(full_page=True), f"{name}-{width}-{theme}.png")
        context.close()


def sign_in(page: Page, email: str) -> None:
    """Sign in as one of the demo's people."""
    passwords = json.loads((ROOT / "var" / "demo-sign-ins.json").read_text())
    page.goto("/sign-in")
    page.get_by_label("Mail address").fill(email)
    page.get_by_label("Password").fill(passwords[email])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()


def save(picture: bytes, name: str) -> None:
    """Write a picture with a palette of few colors."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image = image.crop((0, 0, image.width, min(image.height, HIGHEST)))
    image.quantize(COLORS, dither=Image.Dither.NONE).save(SCREENS / name, optimize=True)
    print(f"docs/screens/{name}")


if __name__ == "__main__":
    sys.exit(main())
