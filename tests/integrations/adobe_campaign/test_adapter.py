"""What a person chooses of a connection, and what must be well for Campaign to reach us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.contract import Gate, Installation, Report, Tools
from core.domain.errors import BadInput, NotNow
from core.domain.messages import State
from integrations.adobe_campaign import AdobeCampaign, choices

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
OUTSIDE = Gate("0.0.0.0", 2775, "sms.example.org", chosen=True)


def adapter(gate: Gate = OUTSIDE) -> AdobeCampaign:
    return AdobeCampaign(Tools({}, {}, lambda *_: None, gates={"smpp": gate}))


def installation(memory: Mapping[str, Any] | None = None, **config: Any) -> Installation:
    return Installation("ins_1", "wsp_1", "adobe_campaign", "C", config, {"password": "secret12"}, memory or {},
                        "Europe/Paris", "FR", "fr", "")  # fmt: skip


def seen(ago: timedelta = timedelta(seconds=30), **lines: int) -> dict[str, Any]:
    return {"lines": {**lines, "at": (NOW - ago).isoformat()}}


def test_a_connection_makes_its_own_name_and_a_password_that_the_field_holds() -> None:
    made = [choices.configured({}) for _ in range(20)]
    assert len({one.config["system_id"] for one in made}) == 20
    assert all(len(one.secrets["password"]) == 8 and len(one.config["system_id"]) <= 15 for one in made)
    assert made[0].account == made[0].config["system_id"]
    assert "password" not in made[0].config


def test_what_is_known_is_kept_and_a_new_password_only_made_when_it_is_asked_for() -> None:
    made = choices.configured({"class": "transactional", "networks": "192.0.2.1, 2001:db8::/32", "rate": "20"})
    known = {**made.config, **made.secrets}
    again = choices.configured({**known, "reply_to": "36180"})
    assert again.secrets == made.secrets
    assert again.config == {**made.config, "reply_to": "36180"}
    assert made.config["networks"] == ["192.0.2.1/32", "2001:db8::/32"]
    assert made.config["rate"] == 20
    assert choices.configured({**known, "new_code": True}).secrets != made.secrets


@pytest.mark.parametrize("given, pointer", [
    ({"class": "otp"}, "/class"), ({"consent": 1}, "/consent"), ({"rate": 0}, "/rate"), ({"window": True}, "/window"),
    ({"rate": "99999999999999"}, "/rate"), ({"system_id": "a b"}, "/system_id"), ({"system_id": 7}, "/system_id"),
    ({"password": "long enough"}, "/password"), ({"networks": "everywhere"}, "/networks"),
    ({"networks": [1]}, "/networks"), ({"reply_to": "STOP"}, "/reply_to"), ({"shoe": 1}, "/shoe"),
])  # fmt: skip
def test_what_cannot_be_is_refused_where_it_stands(given: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadInput) as refused:
        choices.configured(given)
    assert refused.value.pointer == pointer


@pytest.mark.parametrize("address, may", [
    ("192.0.2.7", True), ("::ffff:192.0.2.7", True), ("198.51.100.1", False), ("2001:db8::1%eth0", True), ("", False),
])  # fmt: skip
def test_only_allowed_addresses_may_call(address: str, may: bool) -> None:
    config = {"networks": ["192.0.2.0/24", "2001:db8::/32"]}
    assert choices.may_call(config, address) is may
    assert choices.may_call({}, address)


@pytest.mark.parametrize("gate, memory, found", [
    (OUTSIDE, {}, {"listener": "adobe_campaign_not_listening", "encryption": "adobe_campaign_in_clear"}),
    (OUTSIDE, seen(timedelta(hours=1), out=1),
     {"listener": "adobe_campaign_not_listening", "encryption": "adobe_campaign_in_clear"}),
    (OUTSIDE, seen(), {"encryption": "adobe_campaign_in_clear", "bound": "adobe_campaign_nobody"}),
    (replace(OUTSIDE, host="127.0.0.1", chosen=False), seen(**{"in": 1}),
     {"address": "adobe_campaign_only_here", "bound": "adobe_campaign_no_receiver"}),
    (replace(OUTSIDE, host="127.0.0.1"), seen(**{"in": 1, "out": 1}), {}),
    (replace(OUTSIDE, certificate=Path("/nowhere/smpp.pem"), key=Path("/nowhere/smpp.key")), seen(out=1),
     {"certificate": "adobe_campaign_certificate"}),
])  # fmt: skip
def test_what_is_missing_is_named(gate: Gate, memory: dict[str, Any], found: dict[str, str]) -> None:
    checks = adapter(gate).check(installation(memory), NOW)
    assert {one.name: one.reason.code for one in checks if one.reason} == found


def test_a_process_without_the_lines_tells_nothing() -> None:
    report = Report("sms/1", State.DELIVERED, None, None, NOW, {"receipts": {"1": 1}})
    with pytest.raises(NotNow):
        adapter().report(installation(), report, NOW)
