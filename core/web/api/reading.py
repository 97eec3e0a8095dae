"""What programs send, read strictly: JSON bodies within limits, and fields that a schema names."""

from __future__ import annotations

import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from flask import request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from core.domain.reasons import Reason
from core.web.problems import Malformed, Several

DEEPEST = 100
LARGEST = 2**63 - 1
_CONTENT_TYPE = re.compile(r"application/(?:json|[a-z0-9.\-]+\+json)\s*(?:;|\Z)", re.IGNORECASE)

_THE_LIBRARYS = {
    "Missing data for required field.": "field_required",
    "Field may not be null.": "field_required",
    "Unknown field.": "field_unknown",
    "Not a valid string.": "field_not_text",
    "Not a valid mapping type.": "field_not_object",
}


def raw_body(most: int) -> bytes:
    """The request's body, unpacked when it came packed; never more than `most` bytes, packed or not."""
    request.max_content_length = most
    if (request.content_length or 0) > most:
        raise RequestEntityTooLarge
    body = request.get_data(cache=False)
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Malformed("encoding_unknown", status=415)
    return unpacked(body, most)


def unpacked(body: bytes, most: int) -> bytes:
    """A gzip body, unpacked; what would be larger than `most` bytes is refused before it is."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            plain = file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Malformed("body_not_gzip") from error
    if len(plain) > most:
        raise RequestEntityTooLarge
    return plain


def json_object(most: int) -> tuple[dict[str, Any], bytes]:
    """The body as an object, and its bytes. Raises `Malformed`: 400 or 415."""
    body = raw_body(most)
    if not _CONTENT_TYPE.match(request.headers.get("Content-Type", "")):
        raise Malformed("wrong_content_type", status=415)
    return parsed(body), body


def parsed(body: bytes) -> dict[str, Any]:
    """`body` as one object. Refused: NaN and its kind, NUL, lone surrogates, a name twice, more than 100 levels."""
    try:
        found = _STRICT.decode(body.decode("utf-8"))
    except RecursionError as error:
        raise Malformed("body_too_deep", most=DEEPEST) from error
    except ValueError as error:
        raise Malformed("body_not_json") from error
    if not isinstance(found, dict):
        raise Malformed("body_not_object")
    # A NUL or half of a surrogate pair cannot have come but by an escape: neither is UTF-8, or JSON, as it is.
    (_check if b"\\u" in body else _check_depth)(found)
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise Malformed("body_key_twice", name=next(name for name in names if names.count(name) > 1)[:40])
    return found


def _no_constant(word: str) -> None:
    raise ValueError(word)


def _whole(digits: str) -> int:
    if len(digits) > 20 or not -LARGEST <= (number := int(digits)) <= LARGEST:
        raise Malformed("body_number_too_large")
    return number


def _fraction(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise Malformed("body_number_too_large")
    return number


# Made once: making it costs as much as reading a short body.
_STRICT = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_whole, parse_float=_fraction
)


def _check(found: Any) -> None:
    """Depth, and characters that no database keeps and no phone shows."""
    waiting: list[tuple[Any, int]] = [(found, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str):
            if not value.isascii():
                _encodable(value)
            elif "\0" in value:
                raise Malformed("body_not_json")
        elif isinstance(value, dict):
            if depth > DEEPEST:
                raise Malformed("body_too_deep", most=DEEPEST)
            for name, inner in value.items():
                if not name.isascii() or "\0" in name:
                    _encodable(name)
                if isinstance(inner, (str, dict, list)):
                    waiting.append((inner, depth + 1))
        elif isinstance(value, list):
            if depth > DEEPEST:
                raise Malformed("body_too_deep", most=DEEPEST)
            waiting.extend((inner, depth + 1) for inner in value if isinstance(inner, (str, dict, list)))


def _check_depth(found: Any) -> None:
    waiting: list[tuple[Any, int]] = [(found, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST:
            raise Malformed("body_too_deep", most=DEEPEST)
        for inner in value.values() if type(value) is dict else value:
            kind = type(inner)
            if kind is dict or kind is list:
                waiting.append((inner, depth + 1))


def _encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Malformed("body_not_json") from error
    if "\0" in text:
        raise Malformed("body_not_json")


def loaded(schema: Schema, given: Mapping[str, Any], *, partial: bool = False) -> dict[str, Any]:
    """The fields that the schema names. Raises `Several`, with a JSON pointer for each that is wrong."""
    try:
        found: dict[str, Any] = schema.load(given, partial=partial)
    except ValidationError as error:
        raise Several(list(_wrong(error.messages, ""))) from error
    return found


def _wrong(said: Any, pointer: str) -> Iterable[tuple[str, Reason]]:
    if isinstance(said, Mapping):
        for name, inner in said.items():
            place = "" if name == "_schema" else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from _wrong(inner, pointer + place)
    elif isinstance(said, list):
        for one in said:
            yield from _wrong(one, pointer)
    else:
        yield pointer, said if isinstance(said, Reason) else _in_our_words(str(said))


def _in_our_words(said: str) -> Reason:
    """The library's English, as a reason that can be said in both languages where it is a common one."""
    if said in _THE_LIBRARYS:
        return Reason(_THE_LIBRARYS[said])
    before, _, known = said.partition("Must be one of: ")
    if not before and known:
        return Reason("field_not_one_of", {"known": known.rstrip(".")})
    return Reason("field_wrong", {"why": said})
