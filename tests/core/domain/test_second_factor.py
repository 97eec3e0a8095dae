"""Codes of an authenticator app: the vectors of RFC 6238, the drift of a clock, and no code twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.domain import second_factor as factor

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"),
     (2000000000, "69279037"), (20000000000, "65353130")],
)  # fmt: skip
def test_the_vectors_of_rfc_6238_with_sha_1(seconds: int, code: str) -> None:
    step = factor.step_at(datetime.fromtimestamp(seconds, UTC))

    assert factor.code(SECRET, step, 8) == code


def test_a_clock_may_be_one_step_off_and_no_more() -> None:
    taken = [step for step in range(90, 111) if factor.step_of(SECRET, factor.code(SECRET, step), 100, 0) == step]

    assert taken == [99, 100, 101]


def test_a_code_that_was_used_and_every_one_before_it_is_refused() -> None:
    assert factor.step_of(SECRET, factor.code(SECRET, 100), 100, 99) == 100
    assert factor.step_of(SECRET, factor.code(SECRET, 100), 100, 100) is None
    assert factor.step_of(SECRET, factor.code(SECRET, 99), 100, 100) is None


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "-12345", "0x1234"])
def test_what_is_no_code_is_none(typed: str) -> None:
    assert factor.step_of(SECRET, typed, 100, 0) is None


def test_blanks_in_the_middle_are_read_over() -> None:
    code = factor.code(SECRET, 100)

    assert factor.step_of(SECRET, f" {code[:3]} {code[3:]} ", 100, 0) == 100


def test_the_address_names_whom_it_is_for_and_nothing_can_be_slipped_in() -> None:
    told = factor.address(SECRET, "ana&secret=x@example.org", "Relance: Cabinet & Cie")

    assert told.startswith("otpauth://totp/Relance%20%20Cabinet%20%26%20Cie:ana%26secret%3Dx@example.org?secret=GEZDGNBV")
    assert "issuer=Relance%20%20Cabinet%20%26%20Cie&algorithm=SHA1&digits=6&period=30" in told
