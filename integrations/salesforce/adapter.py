"""Salesforce: a Flow asks for messages, an Outbound Message tells of a record, dates are read, the org hears back."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.contract import (
    Answers,
    Arrived,
    Asked,
    Asks,
    Batch,
    Check,
    Checks,
    Configured,
    Connects,
    ConsentWord,
    CountsLists,
    Door,
    Grant,
    Inbound,
    Installation,
    KeepsConsent,
    Leaving,
    Limit,
    Limits,
    LooksAgain,
    Manifest,
    Maps,
    OAuth,
    Option,
    PeopleList,
    Published,
    Publishes,
    Pulls,
    Question,
    Reading,
    Record,
    Records,
    Reply,
    Report,
    ReportsInBatches,
    Result,
    SharedSecret,
    Slot,
    Start,
)
from core.domain.errors import BadInput, NeedsReconnect, NotAuthentic, NotNow, RelanceError, Unreadable
from core.domain.events import Event, Kind
from core.domain.reasons import Reason
from integrations.salesforce import (
    checking,
    choosing,
    flow,
    hosts,
    looking,
    outbound,
    pulling,
    records,
    tokens,
    ways,
    writing,
)
from integrations.salesforce.client import DEFAULT_VERSION, Client, Missing, Usage
from integrations.salesforce.fields import mapping
from integrations.salesforce.shapes import Shape, shape

BUDGET = 0.8
"""The share of the org's calls after which we leave the rest to others."""
CONSENT_BUDGET = 0.98
DESCRIBED_FOR = timedelta(hours=1)
SPENT_FOR = timedelta(hours=1)
TOPICS = ("send", "schedule", "cancel", "options", "outbound")
SCOPES = ("api", "refresh_token", "id")
OPENAPI = "flow_openapi.json"
_JSON = "application/json; charset=utf-8"
_BLOCKED = ("OAUTH_APPROVAL_ERROR_GENERIC", "OAUTH_AUTHORIZATION_BLOCKED", "OAUTH_EC_APP_NOT_FOUND",
            "app_not_installed")  # fmt: skip


class Salesforce(Connects, Answers, Asks, Pulls, LooksAgain, ReportsInBatches, KeepsConsent, Checks, Publishes,
                 Maps, CountsLists, Limits):
    """One org: production, sandbox or My Domain, by one click or by an integration user."""

    manifest = Manifest(
        slug="salesforce", name="Salesforce", kinds=frozenset({Kind.REQUEST, Kind.CONTACT}),
        vendors={"salesforce": hosts.LOGIN}, poll_every=timedelta(minutes=5),
        auth=(
            OAuth(
                vendor="salesforce", authorize_url=f"{hosts.LOGIN}/services/oauth2/authorize",
                token_url=f"{hosts.LOGIN}/services/oauth2/token", revoke_url=f"{hosts.LOGIN}/services/oauth2/revoke",
                scopes=SCOPES, token_lives=None),
            SharedSecret("Authorization"),
        ),
        # Record and key say what is the same. A date that moves there and back again makes the same call twice.
        same_content=timedelta(0),
    )  # fmt: skip
    looks_again_at = frozenset({Kind.REQUEST, Kind.CONTACT})
    look_again_size = 200
    report_size = 1_000
    removed, stays = choosing.REMOVED, choosing.STAYS
    bulk_pause = 5.0
    """Seconds between two looks at a bulk job; Salesforce asks for at least five."""

    asked = (
        Asked(
            "where", {"fr": "Où vous connectez-vous ?", "en": "Where do you sign in?"},
            help={"fr": "Choisissez « bac à sable » pour un essai, « mon domaine » si votre administrateur l'impose.",
                  "en": "Choose “sandbox” for a trial, “my domain” if your administrator requires it."},
            options={"production": {"fr": "Production", "en": "Production"},
                     "sandbox": {"fr": "Bac à sable", "en": "Sandbox"},
                     "domain": {"fr": "Mon domaine", "en": "My domain"}}),
        Asked(
            "domain", {"fr": "Votre domaine Salesforce", "en": "Your Salesforce domain"},
            help={"fr": "Ce que montre votre navigateur une fois connecté.",
                  "en": "What your browser shows once you are signed in."},
            example="https://acme.my.salesforce.com", only_with=("where", "domain")),
    )  # fmt: skip

    def __init__(self, tools: Any) -> None:
        super().__init__(tools)
        self._described: dict[tuple[str, str], tuple[datetime, Mapping[str, Any] | None]] = {}
        self._spent: dict[str, tuple[datetime, Usage]] = {}

    # Connecting ---------------------------------------------------------------------------------------------------

    @property
    def _own(self) -> str | None:
        """The operator's address in place of Salesforce's own, if there is one."""
        address = self.tools.urls.get("salesforce", hosts.LOGIN)
        return None if address == hosts.LOGIN else address

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """One way in, see `ways`. Raises `BadInput` with a JSON pointer."""
        return ways.configured(config, own=self._own)

    def given(self, answers: Mapping[str, str]) -> Mapping[str, Any]:
        """Where the person signs in: an address of Salesforce's, and no other. Raises `BadInput`."""
        where = answers.get("where", "production")
        if where not in ("production", "sandbox", "domain"):
            raise BadInput("salesforce_address_wrong", pointer="/where", text=where[:40])
        given = answers.get("domain", "") if where == "domain" else where
        if where == "domain" and not given.strip():
            raise BadInput("salesforce_address_wrong", pointer="/domain", text="")
        login = hosts.login_address(given, "/domain", own=self._own)
        return {"login_url": login, "where": where, **({"domain": login} if where == "domain" else {})}

    def leave(self, given: Mapping[str, Any], start: Start) -> Leaving:
        """To the org's own page."""
        login = hosts.address(given.get("login_url", hosts.LOGIN), "/domain", own=self._own)
        # Somebody who reconnects is not asked again where they sign in.
        kept = {name: given[name] for name in ("where", "domain") if name in given}
        return Leaving(start.address(f"{login}/services/oauth2/authorize"), {**kept, "login_url": login})

    def arrived(self, callback: Inbound, kept: Mapping[str, Any], posted: Mapping[str, Any] | None) -> Arrived:
        """As everywhere; and a block by the org's administrator is named, with the place where it is lifted."""
        error = callback.query().get("error", "")
        if error in _BLOCKED:
            raise BadInput("salesforce_app_not_installed", text=error[:60])
        return super().arrived(callback, kept, posted)

    def door(self, place: Mapping[str, Any]) -> Door:
        """The token address of the host where the person signed in."""
        login = hosts.address(place.get("login_url") or hosts.LOGIN, "/login_url", own=self._own)
        return Door(f"{login}/services/oauth2/token", revoke_url=f"{login}/services/oauth2/revoke")

    def granted(self, grant: Grant, now: datetime) -> Configured:
        """The signature proves whose grant it is. Raises `NotAuthentic`, `BadInput`."""
        org, user = tokens.identity(grant.answer, self._client_secret, own=self._own)
        if not grant.refresh_token and "refresh_token" not in grant.scopes:
            raise BadInput("salesforce_no_refresh_token")
        config = {
            "way": "refresh_token", "organization_id": org, "user_id": user, "scopes": sorted(grant.scopes),
            "login_url": str(grant.kept.get("login_url") or hosts.LOGIN),
            "instance_url": hosts.address(grant.answer.get("instance_url"), "/instance_url", own=self._own),
            **{name: grant.kept[name] for name in ("where", "domain") if name in grant.kept},
        }  # fmt: skip
        return Configured(config, {"signing_secret": ways.new_secret()}, org)

    def covers(self, granted: frozenset[str], scope: str) -> bool:
        """`full` means everything but the lasting access, which has two names."""
        known = {"refresh_token": {"refresh_token", "offline_access"}}.get(scope, {scope, "full"})
        return bool(granted & known)

    def renewal(self, installation: Installation, now: datetime) -> Mapping[str, str] | None:
        """An integration user shows a new assertion, everybody else the refresh token."""
        jwt = installation.secrets.get("jwt")
        if not isinstance(jwt, Mapping):
            return super().renewal(installation, now)
        issuer = jwt.get("consumer_key") or self.tools.clients.get("salesforce", ("", ""))[0]
        if not issuer:
            raise NeedsReconnect("salesforce_no_consumer_key")
        audience = str(installation.config.get("login_url") or hosts.LOGIN)
        try:
            signed = tokens.assertion(
                jwt["private_key"], issuer=issuer, subject=jwt["username"], audience=audience, now=now)
        except ValueError as error:
            raise NeedsReconnect("salesforce_key_wrong") from error
        return {"grant_type": tokens.GRANT, "assertion": signed}

    def refreshed(self, installation: Installation, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Orgs move: each new token says where to. Another org's token is none of ours."""
        try:
            org, user = tokens.named(answer.get("id"), own=self._own)
        except NotAuthentic as error:
            raise NeedsReconnect("salesforce_org_unproven") from error
        if org != installation.config.get("organization_id"):
            raise NeedsReconnect("salesforce_other_org")
        moved = hosts.address(answer.get("instance_url"), "/instance_url", own=self._own)
        return {"instance_url": moved, "user_id": user}

    def refusal(self, status: int, answer: Mapping[str, Any]) -> RelanceError | None:
        """The token address's words that have a click of their own."""
        error, said = str(answer.get("error", "")), str(answer.get("error_description", "")).lower()
        if "already being processed" in said:
            return NotNow("being_refreshed", timedelta(seconds=1))
        if "must be installed" in said or "app_not_installed" in said:
            return NeedsReconnect("salesforce_app_not_installed", text=error[:60])
        if "hasn't approved" in said or "not approved" in said:
            return NeedsReconnect("salesforce_user_not_approved")
        if "ip restricted" in said:
            return NeedsReconnect("salesforce_ip_restricted")
        if "inactive user" in said or "inactive organization" in said:
            return NeedsReconnect("salesforce_user_inactive")
        return None

    @property
    def _client_secret(self) -> str:
        return self.tools.clients.get("salesforce", ("", ""))[1]

    # What the org tells us ----------------------------------------------------------------------------------------

    def verify(self, request: Inbound, installation: Installation) -> None:
        """The installation's secret, in the header (in the path for SOAP, which has no header of its own), and the
        org's id. Both in constant time; raises `NotAuthentic`."""
        secret = str(installation.secrets.get("signing_secret") or "")
        topic, given = _topic(request)
        if topic != "outbound":
            scheme, _, given = request.header("Authorization").partition(" ")
            if scheme.lower() != "bearer":
                raise NotAuthentic("no bearer")
        if not secret or not hmac.compare_digest(given.strip().encode("utf-8", "replace"), secret.encode()):
            raise NotAuthentic("the secret does not match")
        try:
            org = (outbound.read(request).organization if topic == "outbound"
                   else flow.organization_of(flow.body_of(request)))  # fmt: skip
        except Unreadable:
            # It knows the secret: what it sent is kept, and `parse` says what is wrong with it.
            return
        known = str(installation.config.get("organization_id") or "")
        if org is None or not hmac.compare_digest(org.encode(), known.encode()):
            raise NotAuthentic("another organisation")

    def kept(self, request: Inbound) -> Inbound:
        """The request without our secret, and without a session id if the org still sends one."""
        return _without_proofs(request)

    def parse(self, request: Inbound, installation: Installation) -> Reading:
        """A Flow's records, or an Outbound Message's. Raises `Unreadable`: an org that calls a wrong address must not
        take silence for success."""
        topic, _ = _topic(request)
        if request.method != "POST":
            raise Unreadable("salesforce_no_such_call")
        if topic == "outbound":
            return self._notified(outbound.read(request), request, installation)
        if topic in ("send", "schedule", "cancel"):
            keeps_yes = any(one.opt_in_at for one in mapping(installation.config).values())
            return flow.reading(flow.read(
                request, topic, zone=installation.zone, country=installation.country, keeps_yes=keeps_yes))
        raise Unreadable("salesforce_no_such_call")

    def answer(self, request: Inbound, reading: Reading, results: Sequence[Result]) -> Reply:
        """One result for each record, in the same order; one Ack for all notifications."""
        topic, _ = _topic(request)
        if topic == "outbound":
            return outbound.ACK
        # Only the answer's wording is made of this reading: zone and country change no key.
        call = flow.read(request, topic, zone="UTC", country="")
        return Reply(200, flow.answer(call, results), _JSON)

    def _notified(self, found: outbound.Notifications, request: Inbound, installation: Installation) -> Reading:
        events: list[Event] = []
        consents: list[ConsentWord] = []
        objects = mapping(installation.config)
        for one in found.notifications:
            mapped = objects.get(one.object)
            shaped = looking.told(one, mapped)
            record = {**one.fields, "Id": one.record}
            stamped = records.stamp(record)
            at = min(stamped or request.received_at, request.received_at)
            person = records.person_of(shaped, record)
            if stamped is not None:
                events += records.occasions(shaped, record, installation, at)
            if person is not None and shaped.mapped.is_person:
                consents += records.consents(person, installation, at)
            events.append(looking.notified(one, shaped, record, installation, at))
        return Reading(tuple(events), outbound.ACK, looking.delivery(found), tuple(consents))

    # What a Flow asks while a person builds it --------------------------------------------------------------------

    def question(self, request: Inbound, installation: Installation) -> Question | None:
        """Lists for the Flow's builder. Raises `Unreadable`."""
        if _topic(request)[0] != "options":
            return None
        body = flow.body_of(request)
        what, search, after = (str(body.get(name) or "")[:100] for name in ("what", "search", "after"))
        if what not in ("templates", "senders", "channels"):
            raise Unreadable("salesforce_question_unknown", text=what[:40])
        return Question(what, search, after or None)

    def options(
        self, request: Inbound, question: Question, found: Sequence[Option], after: str | None, trouble: Reason | None
    ) -> Reply:
        """This page of the list, or why there is none."""
        if trouble is not None:
            said = {"code": trouble.code, "title": trouble.code, "detail": trouble.sentence("en"), "status": 400}
            return Reply(400, json.dumps(said).encode(), _JSON)
        options = [{"id": one.id, "label": one.label, "description": one.description} for one in found]
        body = json.dumps({"options": options, "after": after or ""}, ensure_ascii=False)
        return Reply(200, body.encode("utf-8", "replace"), _JSON)

    # What we ask the org ------------------------------------------------------------------------------------------

    def pull(self, installation: Installation, cursor: str | None, now: datetime) -> Batch:
        """Dates, refusals, deletions and merges since `cursor`."""
        self._leave_some(installation, now, BUDGET)
        with self._client(installation, now) as client:
            org = pulling.Org(client, lambda name: self._shape(client, installation, name, now))
            try:
                return pulling.pull(org, installation, cursor, now)
            except NotNow as error:
                if error.reason.code == "salesforce_opt_out_absent":
                    # Somebody may have made the field by the next time.
                    self._forget(installation)
                raise

    def look_again(self, installation: Installation, keys: Mapping[str, Mapping[str, Any]], now: datetime) -> Batch:
        """The refusal as it is now, for each person who is about to be written to; and the date, where it is one."""
        with self._client(installation, now) as client:
            return looking.again(
                client, lambda name: self._shape(client, installation, name, now), installation, keys, now)

    # What the org wants to know -----------------------------------------------------------------------------------

    def wants(self, installation: Installation) -> bool:
        """Whether a person switched the write-back on."""
        return any((installation.config.get("write_back") or {}).values())

    def report(self, installation: Installation, report: Report, now: datetime) -> None:
        """One report; see `report_all`."""
        trouble = self.report_all(installation, (report,), now)[0]
        if trouble is not None:
            raise trouble

    def report_all(
        self, installation: Installation, reports: Sequence[Report], now: datetime
    ) -> Sequence[Exception | None]:
        """Message, status, task and refusal, many in a call. A refusal is written while there is any call left."""
        urgent = any(report.kind == "consent" for report in reports)
        self._leave_some(installation, now, CONSENT_BUDGET if urgent else BUDGET)
        with self._client(installation, now) as client:
            writer = writing.Writer(
                client, lambda name: self._shape(client, installation, name, now),
                lambda: self._closed_status(client, installation, now), installation, now)  # fmt: skip
            return writer.write(reports)

    # What is missing over there -----------------------------------------------------------------------------------

    def check(self, installation: Installation, now: datetime) -> tuple[Check, ...]:
        """Token, scopes, version, calls left, package, fields; each with the page of Setup that mends it."""
        self._forget(installation)
        with self._client(installation, now) as client:
            return checking.check(client, lambda name: self._shape(client, installation, name, now), installation, now)

    # Which fields are read ----------------------------------------------------------------------------------------

    def slots(self, installation: Installation, now: datetime) -> tuple[Slot, ...]:
        """See `integrations.salesforce.choosing`. Somebody who comes here may just have made a field."""
        self._forget(installation)
        with self._client(installation, now) as client:
            return choosing.slots(lambda name: self._describe(client, installation, name, now), installation)

    def mapped(self, installation: Installation, chosen: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
        return choosing.mapped(installation.config, chosen)

    def samples(self, installation: Installation, search: str, now: datetime) -> tuple[Record, ...]:
        with self._client(installation, now) as client:
            return choosing.samples(
                client, lambda name: self._describe(client, installation, name, now),
                lambda name: self._shape(client, installation, name, now), installation, search)  # fmt: skip

    def records(self, installation: Installation, after: str | None, now: datetime) -> Records:
        with self._client(installation, now) as client:
            return choosing.page(client, lambda name: self._shape(client, installation, name, now), installation, after)

    def lists(self, installation: Installation, now: datetime) -> tuple[PeopleList, ...]:
        with self._client(installation, now) as client:
            return choosing.lists(client, lambda name: self._shape(client, installation, name, now), installation)

    def records_of(self, installation: Installation, name: str, after: str | None, now: datetime) -> Records:
        with self._client(installation, now) as client:
            return choosing.page_of(
                client, lambda one: self._shape(client, installation, one, now), installation, name, after)

    def limits(self, installation: Installation, now: datetime) -> tuple[Limit, ...]:
        with self._client(installation, now) as client:
            return choosing.limits(client, installation, str(installation.config.get("api_version") or DEFAULT_VERSION))

    def publish(
        self, credentials: Mapping[str, str], public_url: str, now: datetime, *, dry_run: bool = False
    ) -> Sequence[Published]:
        """Nothing of ours is kept at Salesforce for all orgs: each registers the External Service from the file."""
        return (Published(OPENAPI, "unchanged", detail=f"{public_url}/hooks/salesforce"),)

    def files(self, public_url: str) -> Mapping[str, str]:
        """The document from which an org's administrator registers the External Service."""
        document = json.loads((Path(__file__).with_name(OPENAPI)).read_text(encoding="utf-8"))
        document["servers"][0]["url"] = f"{public_url}/hooks/salesforce/ins_example"
        return {OPENAPI: json.dumps(document, indent=2, ensure_ascii=False) + "\n"}

    # ------------------------------------------------------------------------------------------------------------

    def _client(self, installation: Installation, now: datetime) -> Client:
        token, instance = installation.secrets.get("access_token"), installation.config.get("instance_url")
        if not token or not instance:
            # Core gets a new one then, and with it the org's address.
            raise NeedsReconnect("token_refused")

        def spent(usage: Usage) -> None:
            self._spent[installation.id] = (now, usage)

        return Client(
            hosts.address(instance, "/instance_url", own=self._own), str(token),
            version=str(installation.config.get("api_version") or DEFAULT_VERSION), through=self._own,
            timeout=self.tools.timeout, spent=spent, bulk_pause=self.bulk_pause)  # fmt: skip

    def _leave_some(self, installation: Installation, now: datetime, most: float) -> None:
        """Raises `NotNow` when the org has so few calls left that they are for others. After an hour one call finds
        out how it is by then."""
        known = self._spent.get(installation.id)
        if known is not None and now - known[0] < SPENT_FOR and known[1].share >= most:
            raise NotNow("salesforce_budget", known[0] + SPENT_FOR - now, used=known[1].used, most=known[1].most)

    def _shape(self, client: Client, installation: Installation, name: str, now: datetime) -> Shape | None:
        return shape(lambda wanted: self._describe(client, installation, wanted, now), installation.config, name)

    def _describe(self, client: Client, installation: Installation, wanted: str, now: datetime) -> Mapping[str, Any]:
        key = (installation.id, wanted)
        known = self._described.get(key)
        if known is None or not timedelta(0) <= now - known[0] < DESCRIBED_FOR:
            try:
                known = (now, _short(client.describe(wanted)))
            except Missing:
                known = (now, None)
            self._described[key] = known
        if known[1] is None:
            raise Missing("NOT_FOUND")
        return known[1]

    def _forget(self, installation: Installation) -> None:
        """What was described is asked for anew."""
        for key in list(self._described):
            if key[0] == installation.id:
                self._described.pop(key, None)

    def _closed_status(self, client: Client, installation: Installation, now: datetime) -> str:
        key = (installation.id, "TaskStatus")
        known = self._described.get(key)
        if known is None or not timedelta(0) <= now - known[0] < DESCRIBED_FOR:
            found = [str(one["MasterLabel"]) for one in client.query(
                "SELECT MasterLabel FROM TaskStatus WHERE IsClosed = true") if one.get("MasterLabel")]  # fmt: skip
            known = (now, {"label": "Completed" if "Completed" in found or not found else found[0]})
            self._described[key] = known
        return str((known[1] or {}).get("label", "Completed"))


def _short(described: Mapping[str, Any]) -> Mapping[str, Any]:
    """What we need of a description, which may be a megabyte."""
    names = ("name", "label", "type", "updateable", "relationshipName", "referenceTo")
    own = {name: described[name] for name in ("labelPlural", "recordTypeInfos") if name in described}
    return {**own, "fields": [{name: one.get(name) for name in names} for one in described["fields"]
                       if isinstance(one, Mapping)]}  # fmt: skip


def _topic(request: Inbound) -> tuple[str, str]:
    """(what is called, the secret in the path if there is one): `…/hooks/salesforce/<id>/<topic>[/<secret>]`."""
    pieces = urlsplit(request.url).path.split("/hooks/salesforce/", 1)[-1].split("/")
    topic = pieces[1] if len(pieces) > 1 else ""
    return (topic if topic in TOPICS else ""), "/".join(pieces[2:])


def _without_proofs(request: Inbound) -> Inbound:
    headers = tuple((name, "hidden" if name.lower() == "authorization" else value) for name, value in request.headers)
    topic, secret = _topic(request)
    if topic != "outbound":
        return replace(request, headers=headers)
    url = request.url.replace(f"/{secret}", "/hidden") if secret else request.url
    return replace(request, headers=headers, url=url, body=outbound.without_session(request.body))
