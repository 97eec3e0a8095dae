"""`Relance`: the calls, one attribute for each noun. What a noun has no method for is said by `noun(…)` or
`request(…)`, with the same keys, patience and errors."""

from __future__ import annotations

import json
import os
import ssl
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote, urlencode

from relance_client.errors import ApiError, RelanceError, Unreachable, problem_of
from relance_client.line import Line, Reply
from relance_client.retries import AGAIN, BUSY, Patience, seconds_of
from relance_client.shapes import Consent, Contact, Delivery, Message, Verification, Webhook

Row = TypeVar("Row")
MOST_IN_BATCH = 10_000


class Relance:
    """A server and a key. One instance may be used by several threads.

    `base`: "https://relance.example.org", without it the environment's RELANCE_URL; `key`: `rk_live_…` or `rk_test_…`,
    without it RELANCE_KEY. `timeout`: seconds for one try. `language` ("fr", "en"): of sentences and remedies.
    """

    def __init__(
        self,
        base: str | None = None,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        patience: Patience | None = None,
        language: str = "en",
        context: ssl.SSLContext | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        base, key = base or os.environ.get("RELANCE_URL"), key or os.environ.get("RELANCE_KEY")
        if not base or not key:
            raise ValueError("say the server's address and a key, or set RELANCE_URL and RELANCE_KEY")
        self._line = Line(base, timeout, context)
        self._patience = patience or Patience()
        self._sleep = sleep
        self._headers = {
            "Authorization": f"Bearer {key}", "Accept": "application/json, application/problem+json",
            "Accept-Language": language, "User-Agent": "relance-client-python/0.1",
        }  # fmt: skip
        self.messages = Messages(self)
        self.contacts = Contacts(self)
        self.consents = Consents(self)
        self.verifications = Verifications(self)
        self.webhooks = Webhooks(self)

    def noun(self, name: str) -> Noun[dict[str, Any]]:
        """Any noun of the API by its name: `relance.noun("rules").list()`."""
        return Noun(self, name)

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        dry_run: bool = False,
    ) -> Any:
        """Any call: `request("GET", "/v1/stats")`. What the server answered, read (a file as bytes); None for an empty
        answer. A POST bears an idempotency key (a new one without `idempotency_key`), so that it is said again when no
        answer came. Raises `ApiError`, `Unreachable`."""
        return self._asked(method, path, body, query, idempotency_key, dry_run)[0]

    def close(self) -> None:
        """Closes this thread's connection; another call opens it again."""
        self._line.close()

    def __enter__(self) -> Relance:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _asked(
        self, method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, Any] | None,
        idempotency_key: str | None, dry_run: bool,
    ) -> tuple[Any, Reply]:  # fmt: skip
        asked = {name: _written(value) for name, value in (query or {}).items() if value is not None}
        if dry_run:
            asked["dry_run"] = "true"
        where = path + (f"?{urlencode(asked)}" if asked else "")
        headers, content = dict(self._headers), None
        if body is not None:
            content = json.dumps(_plain(body), ensure_ascii=False, allow_nan=False).encode()
            headers["Content-Type"] = "application/json"
        if method == "POST":
            headers["Idempotency-Key"] = idempotency_key = idempotency_key or str(uuid.uuid4())
        tries = 0
        while True:
            tries += 1
            failure: RelanceError
            asked_pause: float | None = None
            try:
                reply = self._line.say(method, where, headers, content)
            except Unreachable as error:
                failure = Unreachable(str(error), idempotency_key)
            else:
                if reply.status < 300:
                    return reply.content(), reply
                said = reply.json()
                asked_pause = seconds_of(reply.headers.get("retry-after"))
                failure = problem_of(reply.status, said if isinstance(said, dict) else {}, asked_pause)
                if not _worth_it(failure):
                    raise failure
            pause = self._patience.pause(tries, asked_pause)
            if pause is None:
                raise failure
            self._sleep(pause)


def _worth_it(failure: ApiError) -> bool:
    return failure.status in AGAIN or (failure.status == 409 and failure.code == BUSY)


def _written(value: Any) -> str:
    """A value of the query."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple, set, frozenset)):
        return ",".join(_written(one) for one in value)
    return value.isoformat() if isinstance(value, (datetime, date)) else str(value)


def _plain(value: Any) -> Any:
    """As JSON takes it: moments as RFC 3339."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one) for one in value]
    return value


def _said(**fields: Any) -> dict[str, Any]:
    """What was given: None is "not said"."""
    return {name: value for name, value in fields.items() if value is not None}


class Noun(Generic[Row]):
    """What most nouns can do. Rows are mappings, as the server shows them."""

    def __init__(self, client: Relance, name: str) -> None:
        self._client = client
        self._name = name

    def create(
        self, body: Mapping[str, Any], *, idempotency_key: str | None = None, dry_run: bool = False
    ) -> Row:
        """A new one. With `dry_run` what would happen, and nothing is written."""
        return cast(Row, self._client.request("POST", f"/v1/{self._name}", body, idempotency_key=idempotency_key,
                                              dry_run=dry_run))

    def get(self, id: str) -> Row:
        """One. Raises `NotFound`."""
        return cast(Row, self._client.request("GET", f"/v1/{self._name}/{_part(id)}"))

    def change(self, id: str, body: Mapping[str, Any], *, dry_run: bool = False) -> Row:
        """The fields that are given become so."""
        return cast(Row, self._client.request("PATCH", f"/v1/{self._name}/{_part(id)}", body, dry_run=dry_run))

    def remove(self, id: str, *, dry_run: bool = False) -> None:
        """Gone. Raises `NotFound`."""
        self._client.request("DELETE", f"/v1/{self._name}/{_part(id)}", dry_run=dry_run)

    def act(
        self, id: str, verb: str, body: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None,
        dry_run: bool = False,
    ) -> Any:  # fmt: skip
        """A verb of one: `relance.noun("campaigns").act(id, "pause")`."""
        path = f"/v1/{self._name}/{_part(id)}/{_part(verb)}"
        return self._client.request("POST", path, body, idempotency_key=idempotency_key, dry_run=dry_run)

    def set(self, id: str, name: str, body: Mapping[str, Any], *, dry_run: bool = False) -> Any:
        """Something of one becomes so (PUT): `relance.noun("occasions").set(id, "attendance", {…})`."""
        path = f"/v1/{self._name}/{_part(id)}/{_part(name)}"
        return self._client.request("PUT", path, body, dry_run=dry_run)

    def unset(self, id: str, name: str, *, dry_run: bool = False) -> Any:
        """And is so no more (DELETE)."""
        return self._client.request("DELETE", f"/v1/{self._name}/{_part(id)}/{_part(name)}", dry_run=dry_run)

    def list(self, *, page_size: int = 200, **filters: Any) -> Iterator[Row]:
        """All that meet the filters, page after page, as they are asked for."""
        return self._pages(f"/v1/{self._name}", page_size, filters)

    def below(self, id: str, name: str, *, page_size: int = 200, **filters: Any) -> Iterator[Any]:
        """A list that belongs to one: `relance.noun("campaigns").below(id, "people")`."""
        return self._pages(f"/v1/{self._name}/{_part(id)}/{_part(name)}", page_size, filters)

    def _pages(self, path: str, page_size: int, filters: Mapping[str, Any]) -> Iterator[Any]:
        after: str | None = None
        while True:
            page = self._client.request("GET", path, query={"limit": page_size, "after": after, **filters})
            yield from page["data"]
            after = page["next"]
            if not page["has_more"] or after is None:
                return


def _part(text: str) -> str:
    return quote(text, safe="")


class Messages(Noun[Message]):
    """`/v1/messages`."""

    def __init__(self, client: Relance) -> None:
        super().__init__(client, "messages")

    def send(
        self,
        to: str,
        *,
        message_class: str,
        body: str | None = None,
        template: str | None = None,
        data: Mapping[str, Any] | None = None,
        country: str | None = None,
        channels: Sequence[str | Mapping[str, Any]] | None = None,
        content: Mapping[str, Any] | None = None,
        send_at: datetime | str | None = None,
        zone: str | None = None,
        expires_at: datetime | str | None = None,
        reference: str | None = None,
        sender: str | None = None,
        language: str | None = None,
        origin: str | None = None,
        ip: str | None = None,
        shorten: bool | None = None,
        idempotency_key: str | None = None,
        dry_run: bool = False,
    ) -> Message:
        """One message, now or at `send_at` (a wall time with `zone`, or an aware datetime). `message_class`:
        transactional, marketing, otp, conversational. A message that may not leave is no error: its `state` is
        "suppressed", and `reason` says why. Give an `idempotency_key` of your own ("visit-42") where your program may
        be run twice for the same reason."""
        said = _said(
            to=to, body=body, template=template, data=data, country=country, channels=channels, content=content,
            send_at=send_at, zone=zone, expires_at=expires_at, reference=reference, sender=sender, language=language,
            origin=origin, ip=ip, shorten=shorten, **{"class": message_class},
        )  # fmt: skip
        return cast(Message, self._client.request("POST", "/v1/messages", said, idempotency_key=idempotency_key,
                                                  dry_run=dry_run))

    def send_batch(
        self, messages: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None, dry_run: bool = False
    ) -> list[dict[str, Any]]:
        """A result for each, in order: `{"status": 201, "message": …}` or `{"status": 4xx, "error": …}`. Any number of
        messages: they go in parts of ten thousand, each with a key made of `idempotency_key`."""
        key = idempotency_key or str(uuid.uuid4())
        results: list[dict[str, Any]] = []
        for first in range(0, len(messages), MOST_IN_BATCH):
            part = {"messages": list(messages[first : first + MOST_IN_BATCH])}
            said = self._client.request("POST", "/v1/messages/batch", part, dry_run=dry_run,
                                        idempotency_key=key if len(messages) <= MOST_IN_BATCH else f"{key}-{first}")
            results += said["results"]
        return results

    def cancel(self, id: str, *, dry_run: bool = False) -> Message:
        """Raises `Conflict` when it has left."""
        return cast(Message, self.act(id, "cancel", dry_run=dry_run))


class Contacts(Noun[Contact]):
    """`/v1/contacts`."""

    def __init__(self, client: Relance) -> None:
        super().__init__(client, "contacts")

    def save(
        self,
        number: str,
        *,
        country: str | None = None,
        name: str | None = None,
        first_name: str | None = None,
        email: str | None = None,
        language: str | None = None,
        zone: str | None = None,
        values: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        dry_run: bool = False,
    ) -> Contact:
        """A person: a new one, or what is known of the number with this over it."""
        said = _said(number=number, country=country, name=name, first_name=first_name, email=email, language=language,
                     zone=zone, values=values)  # fmt: skip
        return self.create(said, idempotency_key=idempotency_key, dry_run=dry_run)

    def find(self, number: str) -> Contact | None:
        """The person of that number (E.164), if known."""
        return next(self.list(page_size=1, number=number), None)


class Consents(Noun[Consent]):
    """`/v1/consents`."""

    def __init__(self, client: Relance) -> None:
        super().__init__(client, "consents")

    def give(
        self,
        to: str,
        *,
        source: str,
        text: str,
        place: str,
        moment: datetime | str | None = None,
        scope: str = "marketing",
        country: str | None = None,
        idempotency_key: str | None = None,
        dry_run: bool = False,
    ) -> Consent:
        """Somebody agreed; the proof is what they read (`text`), where (`place`), and when."""
        proof = _said(text=text, place=place, moment=moment)
        said = _said(to=to, country=country, scope=scope, state="in", source=source, proof=proof)
        return self.create(said, idempotency_key=idempotency_key, dry_run=dry_run)

    def refuse(
        self, to: str, *, source: str, scope: str = "marketing", country: str | None = None,
        idempotency_key: str | None = None, dry_run: bool = False,
    ) -> Consent:  # fmt: skip
        """Somebody does not want it (any more)."""
        said = _said(to=to, country=country, scope=scope, state="out", source=source)
        return self.create(said, idempotency_key=idempotency_key, dry_run=dry_run)


class Verifications(Noun[Verification]):
    """`/v1/verifications`: one-time codes."""

    def __init__(self, client: Relance) -> None:
        super().__init__(client, "verifications")

    def start(
        self,
        to: str,
        *,
        country: str | None = None,
        origin: str | None = None,
        ip: str | None = None,
        channel: str | None = None,
        purpose: str | None = None,
        language: str | None = None,
        app: str | None = None,
        body: str | None = None,
        template: str | None = None,
        data: Mapping[str, Any] | None = None,
        sender: str | None = None,
        idempotency_key: str | None = None,
        dry_run: bool = False,
    ) -> Verification:
        """Sends a code. Of a form that strangers can see, say `ip`: the person's own address."""
        said = _said(to=to, country=country, origin=origin, ip=ip, channel=channel, purpose=purpose, language=language,
                     app=app, body=body, template=template, data=data, sender=sender)  # fmt: skip
        return self.create(said, idempotency_key=idempotency_key, dry_run=dry_run)

    def check(self, id: str, code: str) -> bool:
        """Whether the person typed the right code. A wrong one, one too late and one too many are False alike."""
        said = self._client.request("POST", f"/v1/verifications/{_part(id)}/check", {"code": code})
        return bool(said["state"] == "approved")


class Webhooks(Noun[Webhook]):
    """`/v1/webhooks`: where your program hears what happened. To read one that came: `relance_client.verify`."""

    def __init__(self, client: Relance) -> None:
        super().__init__(client, "webhooks")

    def add(
        self, url: str, events: Sequence[str] = ("*",), *, idempotency_key: str | None = None, dry_run: bool = False
    ) -> dict[str, Any]:
        """A new endpoint. Its `secret` is in this answer and nowhere else."""
        made = self.create({"url": url, "events": list(events)}, idempotency_key=idempotency_key, dry_run=dry_run)
        return cast("dict[str, Any]", made)

    def rotate(self, id: str) -> str:
        """A new secret; the older ones sign too until `end_rotation`."""
        return str(self.act(id, "secrets")["secret"])

    def end_rotation(self, id: str) -> None:
        """Only the newest secret signs from now on."""
        self.unset(id, "secrets")

    def test(self, id: str) -> None:
        """Sends the event `webhook.test`."""
        self.act(id, "test")

    def deliveries(self, id: str, *, page_size: int = 200) -> Iterator[Delivery]:
        """What was sent to it, newest first."""
        return self.below(id, "deliveries", page_size=page_size)

    def replay(self, id: str, delivery: str) -> Delivery:
        """Sends a kept delivery again: the same id, the same body."""
        path = f"/v1/webhooks/{_part(id)}/deliveries/{_part(delivery)}/replay"
        return cast(Delivery, self._client.request("POST", path))
