"""`/v1`: what programs may do with a key. Each module holds the routes of one noun."""

from __future__ import annotations

from flask import Flask

from core.web.api import (
    accounts,
    consents,
    contacts,
    conversations,
    explanations,
    inbox,
    installations,
    links,
    messages,
    occasions,
    routing,
    rules,
    simulator,
    stats,
    templates,
    verifications,
    webhooks,
)

PARTS = (
    messages,
    contacts,
    consents,
    templates,
    rules,
    installations,
    occasions,
    explanations,
    accounts,
    inbox,
    conversations,
    stats,
    simulator,
    verifications,
    links,
    webhooks,
)


def register(app: Flask) -> None:
    for part in PARTS:
        for one in part.ROUTES.all:
            routing.add(app, one)
