"""Discount codes for one person in a WooCommerce shop: made, found there already, taken away.

Ours are known by their description, `Relance <code>`, which buyers do not see. WooCommerce keeps codes in small letters
and takes them in any; an end is a time on the shop's wall.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core.contract import Reward
from core.domain.errors import BadInput
from core.domain.text.price import Money
from integrations.woocommerce.client import ShopSaysNo, Store
from integrations.woocommerce.orders import gmt

OURS = "Relance "
KEPT_AFTER = timedelta(days=1)
MOST = 200
_TAKEN = "woocommerce_rest_coupon_code_already_exists"


def made(store: Store, wanted: Reward) -> None:
    """The shop knows the code `wanted`, once, with that end or a later one. Raises `BadInput`, `NeedsReconnect`,
    `NotNow`."""
    try:
        store.post("/coupons", {
            "code": wanted.code, "description": OURS + wanted.code, **_value(wanted), "date_expires": _wall(wanted),
            "usage_limit": 1, "usage_limit_per_user": 1, "individual_use": True,
            **({"email_restrictions": [wanted.email]} if wanted.email else {})})
    except ShopSaysNo as error:
        if error.why != _TAKEN:
            raise BadInput("discount_refused", detail=_detail(error)) from error
        _there_already(store, wanted)


def _there_already(store: Store, wanted: Reward) -> None:
    """By the merchant, or by us, before a crash or on an earlier day, and perhaps for another discount."""
    found, _ = store.page("/coupons", {"code": wanted.code})
    kept = next((one for one in found if one.get("description") == OURS + wanted.code), None)
    if kept is None:
        raise BadInput("discount_code_taken", text=wanted.code)
    ends_at = gmt(kept.get("date_expires_gmt"))
    later = {} if ends_at is not None and ends_at >= wanted.ends_at else {"date_expires": _wall(wanted)}
    try:
        store.put(f"/coupons/{kept.get('id')}", {**_value(wanted), **later})
    except ShopSaysNo as error:
        raise BadInput("discount_refused", detail=_detail(error)) from error


def withdrawn(store: Store, now: datetime) -> int:
    """Takes away ours that are over and were not used. How many."""
    over = []
    for one in store.pages("/coupons", {"search": OURS.strip(), "orderby": "date", "order": "asc"}):
        if _is_over(one, now):
            over.append(one.get("id"))
        if len(over) >= MOST:
            break
    for number in over:
        store.delete(f"/coupons/{number}", {"force": "true"})
    return len(over)


def _is_over(kept: Mapping[str, Any], now: datetime) -> bool:
    code, ends_at = str(kept.get("code", "")).upper(), gmt(kept.get("date_expires_gmt"))
    return (kept.get("description") == OURS + code and kept.get("usage_count") == 0
            and ends_at is not None and ends_at < now - KEPT_AFTER)


def check_currency(store: Store, amount: Money) -> None:
    """A coupon's amount has no currency but the shop's. Raises `BadInput` for another one."""
    said = store.get("/settings/general/woocommerce_currency")
    currency = str(said.get("value") or "") if isinstance(said, Mapping) else ""
    if currency and currency != amount.currency:
        raise BadInput("discount_other_currency", currency=currency[:3], wanted=amount.currency)


def _value(wanted: Reward) -> dict[str, str]:
    if wanted.discount.amount is None:
        return {"discount_type": "percent", "amount": str(wanted.discount.percent)}
    amount = Decimal(wanted.discount.amount.amount) / 1_000_000
    return {"discount_type": "fixed_cart", "amount": f"{amount.normalize():f}"}


def _wall(wanted: Reward) -> str:
    """Without an offset: WooCommerce reads it on its own wall, on which `ends_at` is said."""
    return wanted.ends_at.strftime("%Y-%m-%dT%H:%M:%S")


def _detail(error: ShopSaysNo) -> str:
    return str(error.reason.values.get("detail") or error.why)[:120]
