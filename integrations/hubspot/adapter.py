"""HubSpot: the whole story, from a step of a workflow to the word that lets it go on, and consent both ways."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from core.contract import (
    Answers,
    Asks,
    Batch,
    CallOff,
    Check,
    Checks,
    Configured,
    Connects,
    ConsentWord,
    CountsLists,
    Erasure,
    Grant,
    Inbound,
    Installation,
    Installs,
    KeepsConsent,
    Limit,
    Limits,
    LooksAgain,
    Manifest,
    Maps,
    Merge,
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
    Shared,
    Slot,
    Tools,
)
from core.domain.errors import BadInput, NeedsReconnect, NotNow, Unreadable, Unsupported
from core.domain.events import Closed, Event, Kind
from core.domain.reasons import Reason
from integrations.hubspot import (
    consents,
    dates,
    definitions,
    executing,
    fields,
    outcomes,
    publishing,
    schemas,
    signatures,
    telling,
    ways,
)
from integrations.hubspot.client import Account, Developer, HubSpotSaysNo, Pace

HUBSPOT = "https://api.hubapi.com"
NEEDED = ("oauth", "crm.objects.contacts.read", "crm.objects.contacts.write")
WORKFLOWS = "automation"
WISHED = (WORKFLOWS, "crm.schemas.contacts.write", "communication_preferences.read_write", "timeline",
          fields.LISTS)
_WHAT = {"template": "templates", "sender": "senders", "channels": "channels"}
_LOOKS_AT_ACCOUNT = timedelta(hours=12)
_MAINTAINS = timedelta(days=7)


class HubSpot(Connects, Shared, Answers, Asks, LooksAgain, Pulls, Installs, ReportsInBatches, KeepsConsent, Checks,
              Publishes, Maps, CountsLists, Limits):
    """Workflow actions "Envoyer un message" and "Annuler les messages prévus", dates of contacts, consent both ways."""

    manifest = Manifest(
        slug="hubspot", name="HubSpot", kinds=frozenset({Kind.REQUEST, Kind.CONTACT}), vendors={"hubspot": HUBSPOT},
        poll_every=timedelta(minutes=5), single_address=True, same_content=timedelta(hours=96),
        auth=(OAuth(
            vendor="hubspot", authorize_url="https://app.hubspot.com/oauth/authorize",
            token_url=f"{HUBSPOT}/oauth/v1/token", scopes=NEEDED,
            # Under a name of its own: an account whose plan lacks one of them can still be connected.
            parameters={"optional_scope": " ".join(WISHED)}),),
    )
    looks_again_at = frozenset({Kind.REQUEST, Kind.CONTACT})
    look_again_size = 50
    """HubSpot reads fifty records with the history of their properties in one call."""
    report_size = 100
    needs = ("app_id", "developer_key")
    removed, stays = fields.REMOVED, fields.STAYS

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self._pace = Pace()

    # Connecting ---------------------------------------------------------------------------------------------------

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """See `integrations.hubspot.ways`."""
        return ways.configured(config)

    def granted(self, grant: Grant, now: datetime) -> Configured:
        """The account is the portal that the new token itself names."""
        if not grant.access_token:
            raise NeedsReconnect("grant_gone")
        with _refusals_wait():
            said = self._account(grant.access_token, "connecting", "UTC", now).who()
        portal = schemas.text(said.get("hub_id"))
        if not portal:
            raise NotNow("hubspot_away", timedelta(minutes=1), status=200)
        scopes = said.get("scopes")
        return ways.configured({
            "portal_id": portal, "hub_domain": schemas.text(said.get("hub_domain")), "oauth": True,
            "scopes": list(scopes) if isinstance(scopes, list) else sorted(grant.scopes)})

    def revoke(self, installation: Installation) -> tuple[Reason, ...] | None:
        """`uninstall` has taken our application out of the account, and the grant with it."""
        return ()

    def maintain(
        self, installation: Installation, now: datetime, remember: Callable[[Mapping[str, Any]], None]
    ) -> timedelta:
        """Makes the property that a STOP ticks, where the person chose none."""
        if installation.config.get("opt_out") or installation.memory.get("opt_out"):
            return _MAINTAINS
        try:
            self._of(installation, now).create_property({
                "name": ways.OPT_OUT, "label": "Refuse les SMS (Relance)", "type": "bool",
                "fieldType": "booleancheckbox", "groupName": "contactinformation",
                "options": [{"label": "Oui", "value": "true", "displayOrder": 0, "hidden": False},
                            {"label": "Non", "value": "false", "displayOrder": 1, "hidden": False}]})
        except (NeedsReconnect, HubSpotSaysNo) as error:
            if error.reason.code == "token_refused":
                raise
            # Without that permission a property of the account's own can be chosen; the checks say so.
            return timedelta(days=1)
        remember({**installation.memory, "opt_out": ways.OPT_OUT})
        return _MAINTAINS

    def uninstall(self, installation: Installation) -> tuple[Reason, ...]:
        """HubSpot tells the customer by e-mail. Our property stays: it holds people's refusals."""
        if not installation.secrets.get("access_token"):
            return ()
        try:
            self._of(installation, None).uninstall()
        except (NotNow, NeedsReconnect, HubSpotSaysNo):
            return (Reason("hubspot_not_uninstalled"),)
        return ()

    # HubSpot calls ------------------------------------------------------------------------------------------------

    def verify_shared(self, request: Inbound) -> None:
        """By the application's secret, over what HubSpot sent."""
        _, secret = self.tools.clients.get("hubspot", ("", ""))
        signatures.check(request, secret, webhook=_topic(request)[:1] == ("webhooks",))

    def verify(self, request: Inbound, installation: Installation) -> None:
        self.verify_shared(request)

    def account(self, request: Inbound) -> str:
        """The portal. The signature proves HubSpot, and not whose account it is."""
        return schemas.portal_of(schemas.document(request.body))

    def portions(self, request: Inbound) -> Sequence[tuple[str, Inbound]]:
        """A webhook may speak of several accounts at once."""
        if _topic(request)[:1] != ("webhooks",):
            return ((self.account(request), request),)
        shares = schemas.by_portal(schemas.document(request.body))
        return [(portal, replace(request, body=json.dumps(rows, ensure_ascii=False).encode("utf-8", "surrogatepass")))
                for portal, rows in shares.items()]

    def stranger(self, request: Inbound) -> Reply:
        """An account that is not connected (any more) goes on with its workflow, and sees why."""
        match _topic(request)[:1]:
            case ("actions",):
                return outcomes.said(outcomes.refused(
                    "not_connected", Reason("hubspot_not_connected").sentence("fr"),
                    "failed" if _topic(request)[1:2] == ("cancel",) else "skipped"))
            case ("options",):
                return _options_reply((), None, Reason("hubspot_not_connected"), "fr")
        return Reply(200)

    def parse(self, request: Inbound, installation: Installation) -> Reading:
        """An execution of one of our actions, or events of a webhook."""
        match _topic(request):
            case ("actions", "send"):
                execution = schemas.execution(request.body)
                one = executing.event(execution, installation, request)
                return Reading((one,), delivery=executing.key(execution))
            case ("actions", "cancel"):
                return self._cancelled(schemas.execution(request.body), request)
            case ("webhooks",):
                return self._told(request, installation)
        raise Unsupported(urlsplit(request.url).path[:80])

    def _cancelled(self, execution: schemas.Execution, request: Inbound) -> Reading:
        if execution.object_type not in schemas.CONTACT_TYPES:
            # Numbers of records are the same for companies and deals: it would be somebody else.
            why = Reason("hubspot_contacts_only")
            return Reading(delivery=executing.key(execution), reply=outcomes.said(
                outcomes.refused(why.code, why.sentence("fr"), "failed")))
        everything = execution.inputs.get("scope", "workflow") == "all"
        campaign = None if everything else executing.campaign(execution)
        if not everything and campaign is None:
            raise Unreadable(detail="context.workflowId")
        said = outcomes.said({"message_status": "cancelled", "hs_execution_state": outcomes.SUCCESS})
        return Reading(
            reply=said, delivery=executing.key(execution),
            calls_off=(CallOff(subject=f"contact/{execution.object_id}", campaign=campaign,
                               at=signatures.moment(request)),))

    def _told(self, request: Inbound, installation: Installation) -> Reading:
        """Events come in no order, more than once, and one that is broken does not lose the others."""
        said = schemas.document(request.body)
        words: list[ConsentWord] = []
        events: list[Event] = []
        calls_off: list[CallOff] = []
        erasures: list[Erasure] = []
        merges: list[Merge] = []
        wakes = False
        for one in schemas.told(said):
            subject = f"contact/{one.subject}"
            match one.what:
                case "propertyChange":
                    word = consents.heard(installation, one)
                    if word is not None:
                        words.append(word)
                    if one.name in (installation.config.get("dates") or ()) and not one.value:
                        events.append(dates.gone(one.subject, one.name, one.at))
                    wakes = wakes or word is None
                case "deletion" | "privacyDeletion":
                    calls_off.append(CallOff(subject=subject, at=one.at))
                    events += [replace(dates.gone(one.subject, name, one.at), closed=Closed.DELETED)
                               for name in installation.config.get("dates") or ()]
                    if one.what == "privacyDeletion":
                        erasures.append(Erasure(subject=subject))
                case "merge":
                    merges += [Merge(f"contact/{old}", subject) for old in one.merged]
                    events += [dates.gone(old, name, one.at) for old in one.merged
                               for name in installation.config.get("dates") or ()]
                    wakes = True
                case "restore" | "creation":
                    wakes = True
        return Reading(
            tuple(events), delivery=schemas.delivery(said), consents=tuple(words), calls_off=tuple(calls_off),
            erasures=tuple(erasures), merges=tuple(merges), wakes=wakes and bool(installation.config.get("dates")))

    def answer(self, request: Inbound, reading: Reading, results: Sequence[Result]) -> Reply:
        """What is refused ends the step at once; what waits or is under way lets the workflow wait for us."""
        if not reading.events or _topic(request)[:1] != ("actions",):
            return reading.reply
        event = reading.events[0]
        language, wait_for = str(event.private.get("language", "fr")), str(event.private.get("wait_for", "sent"))
        result = next((one for one in results if one.event_key == event.key), None)
        reason = result.reason if result else None
        if result is None or result.message_id is None:
            # Nothing was even wished for: the adapter itself knows best why.
            reason = event.trouble or reason
        if result is None or (result.message_id is None and reason is not None):
            why = reason or Reason("hubspot_nothing_to_say")
            return outcomes.said(outcomes.refused(why.code, why.sentence(language)))
        if outcomes.ends_step(result.state, wait_for):
            return outcomes.said(outcomes.of_result(result, reason, language, request.received_at))
        until = schemas.moment(event.private.get("until")) or (event.wish.until if event.wish else None)
        return outcomes.said(outcomes.waits(wait_for, until, request.received_at))

    # A drop-down in the workflow's editor --------------------------------------------------------------------------

    def question(self, request: Inbound, installation: Installation) -> Question | None:
        """Which list: templates, senders, channels."""
        topic = _topic(request)
        if topic[:1] != ("options",):
            return None
        said = schemas.options_asked(request.body)
        what = _WHAT.get(said.field) or _WHAT.get(topic[1] if len(topic) > 1 else "")
        if what is None:
            raise Unreadable(detail="inputFieldName")
        return Question(what, said.search, said.after, arguments=said.inputs)

    def options(
        self, request: Inbound, question: Question, found: Sequence[Option], after: str | None, trouble: Reason | None
    ) -> Reply:
        """A page of them. Why there is none stands in the list itself: HubSpot shows nothing else."""
        return _options_reply(found, after, trouble, "fr")

    # What is asked of HubSpot --------------------------------------------------------------------------------------

    def pull(self, installation: Installation, cursor: str | None, now: datetime) -> Batch:
        """Changed dates of contacts, where rules speak of some; and twice a day, whether we are still welcome."""
        with _refusals_wait():
            return self._pulled(installation, cursor, now)

    def _pulled(self, installation: Installation, cursor: str | None, now: datetime) -> Batch:
        account = self._of(installation, now)
        memory = dict(installation.memory)
        looked = schemas.moment(memory.get("looked_at"))
        if looked is None or now - looked > _LOOKS_AT_ACCOUNT:
            who = account.who()
            scopes = who.get("scopes")
            memory |= {"looked_at": now.isoformat(), "scopes": list(scopes) if isinstance(scopes, list) else []}
        batch = Batch(cursor=cursor)
        if installation.config.get("dates"):
            batch = dates.pull(installation, account, cursor, now)
        allowance = self._pace.allowance(installation.config["portal_id"])
        memory |= {"allowance": dict(allowance)} if allowance else {}
        return replace(batch, memory=memory, problems=_problems(installation.config, memory))

    def look_again(self, installation: Installation, keys: Mapping[str, Mapping[str, Any]], now: datetime) -> Batch:
        """Reads the records once more: is the person still there, still willing, is the date still that date?"""
        with _refusals_wait():
            return self._looked(installation, keys, now)

    def _looked(self, installation: Installation, keys: Mapping[str, Mapping[str, Any]], now: datetime) -> Batch:
        account = self._of(installation, now)
        wanted: dict[str, list[str]] = {}
        for key, private in keys.items():
            if identity := str(private.get("contact", "")):
                wanted.setdefault(identity, []).append(key)
        if not wanted:
            return Batch()
        boxes = consents.read_in(installation)
        fields = (*dict.fromkeys((*dates.wanted_properties(installation), *boxes)), "hs_merged_object_ids")
        records = {str(one.get("id")): one for one in account.contacts(list(wanted), fields, boxes)}
        events: list[Event] = []
        words: list[ConsentWord] = []
        merges: list[Merge] = []
        for identity, own in wanted.items():
            record = records.get(identity) or _winner(identity, records) or account.contact(identity, fields)
            if record is None:
                events += [_closed(key, identity, now) for key in own]
                continue
            subject = f"contact/{record['id']}"
            if str(record["id"]) != identity:
                merges.append(Merge(f"contact/{identity}", subject))
            words += consents.read(installation, record, subject)
            # What somebody expects needs no subscription: only what is (or may be) marketing asks for it.
            if any(keys[key].get("klass") != "transactional" for key in own):
                word = consents.asked(installation, account, record, subject, now)
                words += [word] if word is not None else []
            if any(key.startswith("contact/") for key in own):
                now_known = {one.key: one for one in dates.occasions(installation, record, closing=True)}
                # A date that nobody follows any more has no message either.
                events += [now_known.get(key) or replace(_closed(key, identity, now), closed=Closed.SILENCED)
                           for key in own if key.startswith("contact/")]
        return Batch(tuple(events), consents=tuple(words), merges=tuple(merges))

    # HubSpot is told -----------------------------------------------------------------------------------------------

    def wants(self, installation: Installation) -> bool:
        """Always: a step that waits must hear of us."""
        return True

    def report(self, installation: Installation, report: Report, now: datetime) -> None:
        (outcome,) = self.report_all(installation, [report], now)
        if outcome is not None:
            raise outcome

    def report_all(
        self, installation: Installation, reports: Sequence[Report], now: datetime
    ) -> Sequence[Exception | None]:
        return telling.tell(installation, self._of(installation, now), reports, now)

    # What is missing over there ------------------------------------------------------------------------------------

    def check(self, installation: Installation, now: datetime) -> tuple[Check, ...]:
        """The account, the permissions, the plan, the properties, the allowance."""
        account = self._of(installation, now)
        scopes = account.who().get("scopes")
        granted = {str(one) for one in scopes} if isinstance(scopes, list) else set()
        portal = installation.config["portal_id"]
        settings = f"https://app.hubspot.com/integrations-settings/{portal}/installed"
        checks = [Check("account")]
        missing = [one for one in NEEDED if one not in granted]
        lacking = Reason("hubspot_scope_missing", {"scope": ", ".join(missing)})
        checks.append(Check("scopes", "problem", lacking, settings) if missing else Check("scopes"))
        checks.append(Check("plan") if WORKFLOWS in granted
                      else Check("plan", "problem", Reason("hubspot_no_workflows"), settings))
        try:
            known = {str(one.get("name")) for one in account.properties()}
        except (HubSpotSaysNo, NeedsReconnect) as error:
            if error.reason.code == "token_refused":
                raise
            checks.append(Check("properties", "warning", error.reason, settings))
        else:
            page = f"https://app.hubspot.com/property-settings/{portal}/properties"
            checks += _properties_checks(installation, known, page)
        allowance = self._pace.allowance(portal)
        low = _low(allowance)
        checks.append(Check("budget", "warning", low) if low else Check("budget"))
        return tuple(checks)

    # Which fields are read ----------------------------------------------------------------------------------------

    def slots(self, installation: Installation, now: datetime) -> tuple[Slot, ...]:
        """See `integrations.hubspot.fields`."""
        with _refusals_wait():
            return fields.slots(installation, self._of(installation, now))

    def mapped(self, installation: Installation, chosen: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
        return fields.mapped(installation.config, installation.memory, chosen)

    def samples(self, installation: Installation, search: str, now: datetime) -> tuple[Record, ...]:
        with _refusals_wait():
            return fields.samples(installation, self._of(installation, now), search)

    def records(self, installation: Installation, after: str | None, now: datetime) -> Records:
        with _refusals_wait():
            return fields.records(installation, self._of(installation, now), after)

    def lists(self, installation: Installation, now: datetime) -> tuple[PeopleList, ...]:
        with _refusals_wait():
            return fields.lists(installation, self._of(installation, now))

    def records_of(self, installation: Installation, name: str, after: str | None, now: datetime) -> Records:
        with _refusals_wait():
            return fields.records_of(installation, self._of(installation, now), name, after)

    def limits(self, installation: Installation, now: datetime) -> tuple[Limit, ...]:
        """HubSpot says with every answer what is left; one small call is made to hear it."""
        self._of(installation, now).who()
        return fields.limits(self._pace.allowance(str(installation.config["portal_id"])))

    # What an operator sets up once ---------------------------------------------------------------------------------

    def publish(self, credentials: Mapping[str, str], public_url: str, now: datetime, *,
                dry_run: bool = False) -> Sequence[Published]:
        """The actions and webhooks of the application `app_id`, by its `developer_key`."""
        if not credentials["app_id"].isdecimal():
            raise BadInput("hubspot_number_expected", pointer="/app_id", text=credentials["app_id"][:40])
        developer = Developer(
            credentials["developer_key"], int(credentials["app_id"]), host=self._host, timeout=self.tools.timeout,
            now=now, zone="UTC", pace=self._pace)
        try:
            with _refusals_wait():
                return publishing.publish(developer, public_url, dry_run=dry_run)
        except NeedsReconnect as error:
            raise BadInput("hubspot_developer_key_refused") from error

    def files(self, public_url: str) -> Mapping[str, str]:
        """The same actions as the files of a HubSpot project."""
        return definitions.project_files(public_url)

    # The line ------------------------------------------------------------------------------------------------------

    @property
    def _host(self) -> str:
        return self.tools.urls.get("hubspot", HUBSPOT)

    def _of(self, installation: Installation, now: datetime | None) -> Account:
        token = installation.secrets.get("access_token")
        if not token:
            raise NeedsReconnect("token_refused")
        return self._account(token, str(installation.config["portal_id"]), installation.zone, now)

    def _account(self, token: str, portal: str, zone: str, now: datetime | None) -> Account:
        return Account(token, portal, host=self._host, timeout=self.tools.timeout, now=now, zone=zone, pace=self._pace)


@contextmanager
def _refusals_wait() -> Iterator[None]:
    """What HubSpot refuses for a reason of its own (a property that somebody deleted) is shown, and tried again."""
    try:
        yield
    except HubSpotSaysNo as error:
        raise NotNow(error.reason.code, timedelta(minutes=15), **error.reason.values) from error


def _topic(request: Inbound) -> tuple[str, ...]:
    """What of our address follows `/hooks/hubspot/`: ("actions", "send")."""
    _, _, rest = urlsplit(request.url).path.partition("/hooks/hubspot")
    return tuple(part for part in rest.split("/") if part and not part.startswith("ins_"))


def _options_reply(found: Sequence[Option], after: str | None, trouble: Reason | None, language: str) -> Reply:
    options = [{"label": one.label, "value": one.id, **({"description": one.description} if one.description else {})}
               for one in found]
    if trouble is not None and not options:
        options = [{"label": trouble.sentence(language)[:200], "value": executing.NOTHING}]
    body = {"options": options, **({"after": after} if after else {}), "searchable": True}
    written = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Reply(200, written, "application/json; charset=utf-8")


def _winner(identity: str, records: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The record into which this one was merged, if it is among those that were read."""
    for record in records.values():
        if identity in consents.texts(record).get("hs_merged_object_ids", "").split(";"):
            return record
    return None


def _closed(key: str, identity: str, now: datetime) -> Event:
    kind = Kind.CONTACT if key.startswith("contact/") else Kind.REQUEST
    return Event(kind, key, now, closed=Closed.DELETED, subject=f"contact/{identity}")


def _low(allowance: Mapping[str, int]) -> Reason | None:
    """The day's allowance is nearly used up (HubSpot names one for private applications only)."""
    most, left = allowance.get("Daily"), allowance.get("Daily-Remaining")
    if most and left is not None and left < most // 10:
        return Reason("hubspot_budget_low", {"left": left, "most": most})
    return None


def _problems(config: Mapping[str, Any], memory: Mapping[str, Any]) -> tuple[Reason, ...]:
    problems = []
    scopes = memory.get("scopes") or ()
    if scopes and WORKFLOWS not in scopes:
        problems.append(Reason("hubspot_no_workflows"))
    if not (ways.opt_out(config, memory) or config.get("opt_in") or config.get("subscription")):
        problems.append(Reason("hubspot_no_consent_property"))
    if (low := _low(memory.get("allowance") or {})) is not None:
        problems.append(low)
    return tuple(problems)


def _properties_checks(installation: Installation, known: set[str], page: str) -> list[Check]:
    checks = []
    absent = [one for one in ways.phones(installation.config) if one not in known]
    checks.append(Check("phones", "problem" if len(absent) == len(ways.phones(installation.config)) else "warning",
                        Reason("hubspot_property_absent", {"names": ", ".join(absent)}), page)
                  if absent else Check("phones"))
    own = [*consents.properties_of(installation), *(installation.config.get("dates") or ())]
    absent = [one for one in own if one not in known]
    if absent:
        why = Reason("hubspot_property_absent", {"names": ", ".join(absent)})
        checks.append(Check("properties", "problem", why, page))
    if not consents.properties_of(installation) and not installation.config.get("subscription"):
        checks.append(Check("consent", "warning", Reason("hubspot_no_consent_property"), page))
    else:
        checks.append(Check("consent"))
    return checks
