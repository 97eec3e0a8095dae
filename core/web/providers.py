"""`/providers/…`: receipts and replies. The address holds the account's secret, and some providers sign besides."""

from __future__ import annotations

from flask import Flask, Response

from core.domain.errors import NotAuthentic
from core.engine import feedback
from core.web.access import Access, allow
from core.web.app import current_suite
from core.web.hooks import METHODS, inbound, spoken


def register(app: Flask) -> None:
    for topic in ("receipts", "replies"):
        for rule in (f"/providers/<account>/{topic}", f"/providers/<account>/{topic}/<secret>"):
            app.add_url_rule(
                rule,
                f"providers.{topic}{'_secret' if rule.endswith('<secret>') else ''}",
                allow(Access.SIGNED)(receive),
                methods=METHODS,
                defaults={"topic": topic},
            )


def receive(account: str, topic: str, secret: str = "") -> Response:
    """Without its secret an address proves nothing, so that nothing is kept and nothing moves."""
    if not secret or len(secret) > 200:
        raise NotAuthentic("the address lacks its secret")
    return spoken(feedback.receive(current_suite(), account, secret, topic, inbound()))
