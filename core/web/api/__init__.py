"""`/v1`: what programs may do with a key. Each module holds the routes of one noun."""

from __future__ import annotations

from flask import Flask

from core.web.api import (
    accounts,
    audit,
    campaign_series,
    campaigns,
    config,
    consents,
    contacts,
    conversations,
    explanations,
    exports,
    inbox,
    installations,
    keywords,
    links,
    messages,
    occasions,
    pages,
    requests,
    routing,
    rules,
    segments,
    simulator,
    stats,
    surveys,
    templates,
    verifications,
    waitlist,
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
    audit,
    inbox,
    conversations,
    exports,
    stats,
    simulator,
    verifications,
    links,
    pages,
    segments,
    campaigns,
    campaign_series,
    surveys,
    keywords,
    waitlist,
    webhooks,
    requests,
    config,
)


def register(app: Flask) -> None:
    for part in PARTS:
        for one in part.ROUTES.all:
            routing.add(app, one)
