"""A real browser for tests of the console: signs in, presses keys, checks each page with axe, keeps pictures of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.running import EMAIL, PASSWORD

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--font-render-hinting=none",
)
WIDE = {"width": 1280, "height": 800}
SMALL = {"width": 320, "height": 640}
PICTURES = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_STANDARD = {"runOnly": {"type": "tag", "values": list(_TAGS)}}


@contextmanager
def browser(chromium: str) -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        try:
            yield one
        finally:
            one.close()


def open_page(one: Browser, base: str, *, size: Mapping[str, int] = WIDE, scripts: bool = True) -> Page:
    """A page of a fresh visitor; what its console complains about, and what it fetches elsewhere, fails the test later
    (see `quiet`)."""
    context = one.new_context(
        base_url=base, viewport=dict(size), locale="fr-FR", timezone_id="Europe/Paris", java_script_enabled=scripts  # type: ignore[arg-type]
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.complaints = []  # type: ignore[attr-defined]
    page.on("console", lambda said: _note(page, said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: _note(page, str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(base) else _note(page, f"asked {asked.url}"))
    return page


def _note(page: Page, text: str) -> None:
    # An answer of 4xx to a form is shown in the page; the browser's own line about it says nothing more.
    if "Failed to load resource" not in text:
        page.complaints.append(text)  # type: ignore[attr-defined]


def sign_in(page: Page, email: str = EMAIL, password: str = PASSWORD) -> None:
    """By the sign-in page, as a person does."""
    page.goto("/sign-in")
    page.get_by_label("Adresse e-mail").fill(email)
    page.get_by_label("Mot de passe").fill(password)
    page.get_by_role("button", name="Se connecter").click()


def picture(page: Page, name: str) -> None:
    """Keeps what the page looks like in docs/screenshots, without the ribbon of a turned clock."""
    page.evaluate("for (const one of document.querySelectorAll('.ribbon')) one.hidden = true")
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


def assert_good(page: Page) -> None:
    """No violation for axe, nothing wider than the window, no complaint, nothing asked of anybody else."""
    found: list[Any] = Axe().run(page, options=_STANDARD).response["violations"]
    wrong = [f"{one['id']}: {one['help']} at {node['html'][:160]}" for one in found for node in one["nodes"]]
    assert not wrong, f"{page.url}\n" + "\n".join(wrong)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url} is {wide} px wider than its window"
    assert not page.complaints, f"{page.url}: {page.complaints}"  # type: ignore[attr-defined]


def tab_to(page: Page, name: str, role: str | None = None, most: int = 80) -> None:
    """Presses Tab until the element of that accessible name has the focus: what cannot be reached fails."""
    for _ in range(most):
        page.keyboard.press("Tab")
        said = page.evaluate(
            "() => { const e = document.activeElement; return (e.getAttribute('aria-label') || "
            "(e.labels && e.labels.length ? e.labels[0].innerText : e.innerText) || '').trim(); }"
        )
        if name in said:
            return
    raise AssertionError(f"{page.url}: “{name}” cannot be reached with the Tab key")
