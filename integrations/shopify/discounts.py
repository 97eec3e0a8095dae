"""Discount codes for one person in a Shopify shop: made, found there already, taken away.

Ours are known by their title, `Relance <code>`: buyers see the code alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from core.contract import Reward
from core.domain.errors import BadInput
from core.domain.loose import mapping, text
from integrations.shopify import queries
from integrations.shopify.client import Denied, Shop, ShopifySaysNo
from integrations.shopify.reading import mappings, moment

SCOPE = "write_discounts"
OURS = "Relance "
KEPT_AFTER = timedelta(days=1)
"""How long a code that is over stays: how often it was used is counted a little later."""
MOST_ROUNDS = 10
_TAKEN = "TAKEN"


def made(line: Shop, wanted: Reward, now: datetime) -> None:
    """The shop knows the code `wanted`, once, with that end or a later one. Raises `BadInput`, `NeedsReconnect`,
    `NotNow`."""
    try:
        line.change(queries.DISCOUNT, {"discount": {
            "title": OURS + wanted.code, "code": wanted.code, "startsAt": _zulu(now), "endsAt": _zulu(wanted.ends_at),
            "usageLimit": 1, "appliesOncePerCustomer": True, "context": {"all": "ALL"},
            "customerGets": _gets(wanted)}})
    except Denied as error:
        raise BadInput("discount_not_allowed") from error
    except ShopifySaysNo as error:
        if error.why != _TAKEN:
            raise BadInput("discount_refused", detail=_detail(error)) from error
        _there_already(line, wanted)


def _there_already(line: Shop, wanted: Reward) -> None:
    """Taken: by the merchant, or by us, before a crash or on an earlier day, and perhaps for another discount."""
    node = mapping(line.ask(queries.DISCOUNT_BY_CODE, {"code": wanted.code}).get("codeDiscountNodeByCode"))
    kept = mapping(node.get("codeDiscount"))
    if text(kept.get("title")) != OURS + wanted.code:
        raise BadInput("discount_code_taken", text=wanted.code)
    ends_at = moment(kept.get("endsAt"))
    later = max(ends_at, wanted.ends_at) if ends_at is not None else wanted.ends_at
    try:
        line.change(queries.DISCOUNT_AGAIN, {"id": text(node.get("id")), "discount": {
            "endsAt": _zulu(later), "customerGets": _gets(wanted)}})
    except ShopifySaysNo as error:
        raise BadInput("discount_refused", detail=_detail(error)) from error


def withdrawn(line: Shop, now: datetime) -> int:
    """Takes away ours that are over and were not used. How many."""
    over, after = [], None
    for _ in range(MOST_ROUNDS):
        page = mapping(line.ask(queries.DISCOUNTS_OVER, {"after": after}).get("codeDiscountNodes"))
        over += [text(node.get("id")) for node in mappings(page) if _is_over(mapping(node.get("codeDiscount")), now)]
        info = mapping(page.get("pageInfo"))
        after = text(info.get("endCursor")) or None
        if info.get("hasNextPage") is not True or after is None:
            break
    count = 0
    for one in over:
        try:
            line.change(queries.DISCOUNT_GONE, {"id": one})
        except ShopifySaysNo:
            # The merchant was faster.
            continue
        count += 1
    return count


def _is_over(kept: Mapping[str, Any], now: datetime) -> bool:
    code = next((text(one.get("code")) for one in mappings(kept.get("codes"))), "")
    ends_at = moment(kept.get("endsAt"))
    return (bool(code) and text(kept.get("title")) == OURS + code and kept.get("asyncUsageCount") == 0
            and ends_at is not None and ends_at < now - KEPT_AFTER)


def _gets(wanted: Reward) -> dict[str, Any]:
    return {"items": {"all": True}, "value": _value(wanted)}


def _value(wanted: Reward) -> dict[str, Any]:
    """Shopify's percentages are shares of one; its amounts are of the shop's own currency."""
    if wanted.discount.amount is None:
        return {"percentage": (wanted.discount.percent or 0) / 100}
    amount = Decimal(wanted.discount.amount.amount) / 1_000_000
    return {"discountAmount": {"amount": f"{amount.normalize():f}", "appliesOnEachItem": False}}


def _detail(error: ShopifySaysNo) -> str:
    return (text(error.reason.values.get("detail")) or error.why)[:120]


def _zulu(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
