"""How a person describes an HTTP gateway: what to send, how to read its answers and callbacks. Checked, then compiled.

Templates are not programs: a text with named fields in braces. What is filled in is never read again as a template, and
is written as JSON, as a form or as a query by the encoder of that format, so that no message can add a field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from core.domain.errors import BadInput
from core.domain.messages import State
from core.guarded import check_address
from core.providers.callbacks import words
from core.providers.fields import is_line, is_one_of, is_text, pointer

NAME = "HTTP"
MESSAGE_FIELDS = ("to", "to_digits", "text", "sender", "reference", "encoding", "receipts_url", "replies_url")
IN_HEADERS = ("reference",)
MEANINGS = ("refused", "later", "account", "no_credit", "opt_out", "dead_number", "uncertain")
STATES: Mapping[str, State | None] = MappingProxyType({
    "sent": State.SENT, "delivered": State.DELIVERED, "read": State.READ, "failed": State.FAILED, "unknown": None})
DEEPEST, MOST_PARTS = 10, 200

_FIELD = re.compile(r"\{\{|\}\}|\{([a-z_]{1,30}(?:\.[a-z0-9_]{1,30})?)\}|[{}]")
_PATH = re.compile(r"[A-Za-z0-9_\-@$:]{1,60}(\.[A-Za-z0-9_\-@$:]{1,60}){0,9}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect"})


# ---------------------------------------------------------------------------------------- templates

@dataclass(frozen=True, slots=True)
class Slot:
    """A field's place in a template."""

    name: str


Template = tuple[str | Slot, ...]


def template(text: str, at: str, known: Sequence[str], secrets: Sequence[str]) -> Template:
    """`text` cut into literals and fields; `{{` and `}}` are braces. Raises `BadInput` at the pointer `at`."""
    parts: list[str | Slot] = []
    end = 0
    for found in _FIELD.finditer(text):
        parts.append(text[end:found.start()])
        end = found.end()
        name = found[1]
        if found[0] in ("{{", "}}"):
            parts.append(found[0][0])
        elif name is None:
            raise _template_wrong(at, "« { » / « } »", known, secrets)
        elif name in known or (name.startswith("secret.") and name.removeprefix("secret.") in secrets):
            parts.append(Slot(name))
        else:
            raise _template_wrong(at, f"« {name} » ?", known, secrets)
    return tuple(part for part in (*parts, text[end:]) if part != "")


def filled(parts: Template, values: Mapping[str, str]) -> str:
    return "".join([part if isinstance(part, str) else values.get(part.name, "") for part in parts])


@dataclass(frozen=True, slots=True)
class Leaf:
    """A template within a JSON structure."""

    parts: Template


def shape(given: Any, at: str, secrets: Sequence[str], depth: int = 0) -> Any:
    """A JSON structure with each text of it as a template. Raises `BadInput`."""
    if depth > DEEPEST:
        raise wrong(at, "{\"to\": \"{to}\", \"message\": \"{text}\"}")
    if isinstance(given, str):
        return Leaf(template(given, at, MESSAGE_FIELDS, secrets))
    if isinstance(given, Mapping):
        return {str(name): shape(value, at + pointer(str(name)), secrets, depth + 1) for name, value in given.items()}
    if isinstance(given, list | tuple):
        return [shape(value, at + pointer(str(index)), secrets, depth + 1) for index, value in enumerate(given)]
    return given


def shaped(given: Any, values: Mapping[str, str]) -> Any:
    if isinstance(given, Leaf):
        return filled(given.parts, values)
    if isinstance(given, dict):
        return {name: shaped(value, values) for name, value in given.items()}
    if isinstance(given, list):
        return [shaped(value, values) for value in given]
    return given


# ---------------------------------------------------------------------------------------- paths

def at_path(found: object, path: str) -> object:
    """What `path` (`messages.0.id`) leads to; None when there is nothing."""
    for step in path.split(".") if path else ():
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isascii() and step.isdigit() and len(step) < 6:
            found = found[int(step)] if int(step) < len(found) else None
        else:
            return None
    return found


def word_at(found: object, path: str | None) -> str:
    """The text or number there, on one line; "true" and "false" for those; empty for anything else."""
    value = at_path(found, path) if path is not None else None
    return str(value).lower() if isinstance(value, bool) else words(value, 140)


# ---------------------------------------------------------------------------------------- the whole

@dataclass(frozen=True, slots=True)
class Case:
    """Answers with this `status` (any, when None) and one of `values` at `path` (any, when there is no path) mean
    `means`."""

    means: str
    status: int | None
    path: str | None
    values: frozenset[str]

    def fits(self, status: int, found: object) -> bool:
        return (self.status is None or self.status == status) and \
            (self.path is None or word_at(found, self.path) in self.values)


@dataclass(frozen=True, slots=True)
class Success:
    statuses: frozenset[int]
    path: str | None
    values: frozenset[str]
    id: str | None
    reference: str | None


@dataclass(frozen=True, slots=True)
class Heard:
    """Where a callback says what. `each` leads to a list when one request brings several."""

    paths: Mapping[str, str]
    each: str | None
    states: Mapping[str, str]
    flags: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Proof:
    kind: str
    header: str
    algorithm: str
    encoding: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """A description that holds together."""

    url: str
    host: str
    port: int
    method: str
    format: str
    headers: tuple[tuple[str, Template], ...]
    query: tuple[tuple[str, Template], ...]
    body: Any
    encodings: Mapping[str, str]
    sender: str
    stop_mention: str
    success: Success
    errors: tuple[Case, ...]
    receipts: Heard | None
    replies: Heard | None
    proof: Proof
    check_url: str | None


TOP = ("url", "method", "format", "headers", "query", "body", "encodings", "sender", "stop_mention", "success",
       "errors", "receipts", "replies", "callbacks", "check_url", "secrets")
_PROOF = Proof("path", "", "sha256", "hex", "")


def compiled(config: Mapping[str, Any], secrets: Sequence[str]) -> Gateway:
    """`config` as a gateway. `secrets` are the names that templates may use. Raises `BadInput` with a pointer."""
    _only(config, TOP, "")
    if config.get("url") in (None, ""):
        raise BadInput("provider_field_missing", pointer="/url", provider=NAME, field="url")
    address = _address(config["url"], "/url")
    method = _given(config, "method", "POST", is_one_of(("POST", "PUT", "GET")), "\"POST\"")
    form = _given(config, "format", "json", is_one_of(("json", "form")), "\"json\"")
    body = _body(config.get("body"), form, secrets)
    if method == "GET" and body is not None:
        raise wrong("/body", "{} (GET: query)")
    query = _templates(_mapping(config, "query"), "/query", MESSAGE_FIELDS, secrets)
    headers = _mapping(config, "headers")
    for name in headers:
        if not _HEADER.fullmatch(name) or name.lower() in _OURS:
            raise wrong(pointer("headers", name), "\"Authorization\"")
    if body is None and not query:
        raise BadInput("provider_field_missing", pointer="/body", provider=NAME, field="body")
    checked = config.get("check_url")
    return Gateway(
        address.url, address.host, address.port, method, form,
        _templates(headers, "/headers", IN_HEADERS, secrets), query, body,
        _words_map(config, "encodings", ("GSM-7", "UCS-2")),
        _given(config, "sender", "", is_text(20), "\"CABINET\""),
        _given(config, "stop_mention", "", is_line(40), "\"STOP 36123\""),
        _success(_mapping(config, "success")),
        tuple(_cases(config)),
        _heard(config, "receipts", ("id", "reference", "status", "at"), (("id", "reference"), ("status",))),
        _heard(config, "replies", ("from", "to", "text", "id", "at", "answers"), (("from",), ("text",), ("id",))),
        _proof(config, secrets),
        _address(checked, "/check_url").url if checked else None)


def wrong(at: str, example: str) -> BadInput:
    return BadInput("provider_field_wrong", pointer=at, field=at.removeprefix("/"), example=example)


def _template_wrong(at: str, detail: str, known: Sequence[str], secrets: Sequence[str]) -> BadInput:
    return BadInput("provider_template_wrong", pointer=at, field=at.removeprefix("/"), detail=detail,
                    known=", ".join((*known, *(f"secret.{name}" for name in secrets))))


def _address(given: Any, at: str) -> Any:
    try:
        # Whether it leads to a private network is asked before each batch, once its name is resolved.
        return check_address(given, allow_private=True)
    except BadInput as error:
        raise BadInput(error.reason.code, pointer=at, **error.reason.values) from None


def _only(given: Mapping[str, Any], known: Sequence[str], at: str) -> None:
    for name in given:
        if name not in known:
            raise BadInput("provider_field_unknown", pointer=at + pointer(str(name)), provider=NAME,
                           field=str(name)[:60], known=", ".join(known))


def _given(config: Mapping[str, Any], name: str, otherwise: str, fits: Callable[[Any], bool], example: str,
           at: str = "") -> str:
    value = config.get(name)
    if value is None or value == "":
        return otherwise
    if not fits(value):
        raise wrong(f"{at}{pointer(name)}", example)
    return str(value)


def _mapping(config: Mapping[str, Any], name: str, at: str = "") -> Mapping[str, Any]:
    value = config.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping) or len(value) > MOST_PARTS or not all(isinstance(key, str) for key in value):
        raise wrong(f"{at}{pointer(name)}", "{…}")
    return value


def _templates(given: Mapping[str, Any], at: str, known: Sequence[str],
               secrets: Sequence[str]) -> tuple[tuple[str, Template], ...]:
    found = []
    for name, value in given.items():
        if not isinstance(value, str) or not value.isprintable():
            raise wrong(at + pointer(name), "\"{to}\"")
        found.append((name, template(value, at + pointer(name), known, secrets)))
    return tuple(found)


def _body(given: Any, form: str, secrets: Sequence[str]) -> Any:
    if given is None:
        return None
    fits = isinstance(given, Mapping) or (isinstance(given, list) and form == "json")
    if not fits or sum(1 for _ in _parts(given)) > MOST_PARTS:
        raise wrong("/body", "{\"to\": \"{to}\", \"message\": \"{text}\"}")
    if form == "form":
        return _templates(_mapping({"body": given}, "body"), "/body", MESSAGE_FIELDS, secrets)
    return shape(given, "/body", secrets)


def _parts(given: Any, depth: int = 0) -> Iterator[None]:
    yield None
    if depth <= DEEPEST and isinstance(given, Mapping | list):
        for value in given.values() if isinstance(given, Mapping) else given:
            yield from _parts(value, depth + 1)


def _path(given: Mapping[str, Any], name: str, at: str) -> str | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise wrong(f"{at}{pointer(name)}", "\"messages.0.id\"")
    return value


def _values(given: Any, at: str) -> frozenset[str]:
    listed = given if isinstance(given, list | tuple) else [given]
    if not all(isinstance(one, str | int) for one in listed) or len(listed) > MOST_PARTS:
        raise wrong(at, "[\"OK\", 0]")
    return frozenset(str(one).lower() if isinstance(one, bool) else str(one) for one in listed)


def _words_map(config: Mapping[str, Any], name: str, known: Sequence[str]) -> Mapping[str, str]:
    given = _mapping(config, name)
    _only(given, known, pointer(name))
    for key, value in given.items():
        if not is_line(40)(value):
            raise wrong(pointer(name, key), "\"unicode\"")
    return dict(given)


def _success(given: Mapping[str, Any]) -> Success:
    _only(given, ("statuses", "path", "values", "id", "reference"), "/success")
    statuses = given.get("statuses", [200, 201, 202])
    if not isinstance(statuses, list) or not all(isinstance(one, int) and 200 <= one <= 299 for one in statuses):
        raise wrong("/success/statuses", "[200, 201]")
    path = _path(given, "path", "/success")
    if (path is None) != ("values" not in given):
        raise wrong("/success/values", "[\"OK\", 0]")
    return Success(frozenset(statuses), path, _values(given.get("values", []), "/success/values"),
                   _path(given, "id", "/success"), _path(given, "reference", "/success"))


def _cases(config: Mapping[str, Any]) -> Iterator[Case]:
    given = config.get("errors")
    given = [] if given is None else given
    if not isinstance(given, list) or len(given) > MOST_PARTS:
        raise wrong("/errors", "[{\"path\": \"code\", \"values\": [21610], \"means\": \"opt_out\"}]")
    for index, one in enumerate(given):
        at = pointer("errors", str(index))
        if not isinstance(one, Mapping):
            raise wrong(at, "{\"status\": 400, \"means\": \"refused\"}")
        _only(one, ("status", "path", "values", "means"), at)
        status, path = one.get("status"), _path(one, "path", at)
        if status is not None and not (isinstance(status, int) and 200 <= status <= 599):
            raise wrong(f"{at}/status", "400")
        if one.get("means") not in MEANINGS:
            raise wrong(f"{at}/means", ", ".join(MEANINGS))
        if (status is None and path is None) or (path is None) != ("values" not in one):
            raise wrong(f"{at}/values", "[\"OK\", 0]")
        yield Case(one["means"], status, path, _values(one.get("values", []), f"{at}/values"))


def _heard(config: Mapping[str, Any], name: str, fields: Sequence[str],
           needed: Sequence[Sequence[str]]) -> Heard | None:
    if config.get(name) is None:
        return None
    given, at = _mapping(config, name), pointer(name)
    receipts = name == "receipts"
    flags = ("opt_out", "dead_number", "retry", "account") if receipts else ()
    _only(given, (*fields, "each", *(("states",) if receipts else ()), *flags), at)
    paths = {field: path for field in fields if (path := _path(given, field, at)) is not None}
    for one_of in needed:
        if not any(field in paths for field in one_of):
            raise BadInput("provider_field_missing", pointer=f"{at}/{one_of[0]}", provider=NAME,
                           field=f"{name}.{one_of[0]}")
    states = _mapping(given, "states", at)
    for word, state in states.items():
        if state not in STATES:
            raise wrong(at + pointer("states", word), ", ".join(STATES))
    return Heard(paths, _path(given, "each", at), {word.casefold(): str(state) for word, state in states.items()},
                 {flag: frozenset(one.casefold() for one in _values(given.get(flag, []), f"{at}/{flag}"))
                  for flag in flags})


def _proof(config: Mapping[str, Any], secrets: Sequence[str]) -> Proof:
    given = _mapping(config, "callbacks")
    if not given:
        return _PROOF
    at = "/callbacks"
    _only(given, ("kind", "header", "algorithm", "encoding", "prefix"), at)
    kind = _given(given, "kind", "path", is_one_of(("path", "secret", "hmac")), "\"hmac\"", at)
    if kind == "path":
        return _PROOF
    header = given.get("header")
    if not isinstance(header, str) or not _HEADER.fullmatch(header):
        raise wrong(f"{at}/header", "\"X-Signature\"")
    if "callback" not in secrets:
        raise BadInput("provider_field_missing", pointer="/secrets/callback", provider=NAME, field="secrets.callback")
    algorithm = _given(given, "algorithm", "sha256", is_one_of(("sha1", "sha256", "sha512")), "\"sha256\"", at)
    encoding = _given(given, "encoding", "hex", is_one_of(("hex", "base64")), "\"hex\"", at)
    return Proof(kind, header, algorithm, encoding, _given(given, "prefix", "", is_text(20), "\"sha256=\"", at))
