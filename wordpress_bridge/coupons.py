"""A discount code for one person, which the site's plugin makes in its WooCommerce: asked for with our signature.

The plugin knows ours by a mark of its own; a coupon of the merchant's that has the code is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core.contract import Installation, Reward
from core.domain.errors import BadInput, NeedsReconnect, NotNow, RelanceError
from wordpress_bridge import site, wire

ROUTE = "/relance/v1/coupon"
_SOON, _LATER = timedelta(minutes=2), timedelta(minutes=15)


def made(tool: Callable[..., Any] | None, installation: Installation, wanted: Reward, now: datetime) -> None:
    """The site's shop knows the code `wanted`. One request. Raises `BadInput`, `NeedsReconnect`, `NotNow`."""
    rest, secret = installation.memory.get("rest"), installation.secrets.get("signing_secret")
    if not rest or not secret:
        raise BadInput("wordpress_plugin_missing")
    body = json.dumps(_said(wanted)).encode()
    stamp = str(int(now.timestamp()))
    status, answer = site.call(tool, "POST", site.route(str(rest), ROUTE), {
        "X-Relance-Timestamp": stamp, "X-Relance-Delivery": f"coupon-{wanted.code}",
        "X-Relance-Signature": wire.signed(str(secret), stamp, body)}, body)
    said: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
    # A page "we are back soon" may be a 200 too.
    if not (200 <= status < 300 and said.get("kept") is True):
        raise _refusal(status, said, wanted)


def _said(wanted: Reward) -> dict[str, str | int]:
    said: dict[str, str | int] = {"code": wanted.code, "ends_at": int(wanted.ends_at.timestamp())}
    if wanted.discount.amount is None:
        said |= {"type": "percent", "amount": str(wanted.discount.percent)}
    else:
        amount = Decimal(wanted.discount.amount.amount) / 1_000_000
        said |= {"type": "fixed_cart", "amount": f"{amount.normalize():f}",
                 "currency": wanted.discount.amount.currency}
    return {**said, "email": wanted.email} if wanted.email else said


def _refusal(status: int, said: Mapping[str, Any], wanted: Reward) -> RelanceError:
    """What an answer means that is no yes. What a firewall in front of the site says has none of the plugin's codes."""
    word = str(said.get("code", ""))
    if status in (401, 403):
        if word == "relance_signature":
            return NeedsReconnect("wordpress_signature_refused")
        if word == "relance_clock":
            return NotNow("wordpress_clock_wrong", _LATER)
        return BadInput("wordpress_route_shut", status=status)
    if word == "relance_no_shop" or status == 501:
        return BadInput("wordpress_no_shop")
    if status == 404:
        return BadInput("wordpress_coupons_unknown")
    if word == "relance_taken":
        return BadInput("discount_code_taken", text=wanted.code)
    if word == "relance_currency" and wanted.discount.amount is not None:
        there = said.get("data")
        currency = str(there.get("currency", "")) if isinstance(there, dict) else ""
        return BadInput("discount_other_currency", currency=currency[:3], wanted=wanted.discount.amount.currency)
    if status < 300 or status in (408, 425, 429) or status >= 500:
        return NotNow("wordpress_coupon_waits", _SOON, status=status)
    return BadInput("discount_refused", detail=(str(said.get("message", "")) or f"HTTP {status}")[:120])
