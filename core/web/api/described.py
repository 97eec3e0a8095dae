"""What `/v1` answers, as JSON schemas: the OpenAPI document is made of these, and tests hold every answer to them."""

from __future__ import annotations

from typing import Any

from core.domain.approved import Category, Status
from core.domain.campaigns import Phase
from core.domain.pages import Action
from core.domain.surveys import Kind as SurveyKind
from core.domain.surveys import Part as SurveyPart
from core.domain.surveys import Phase as SurveyPhase
from core.domain.waitlist import CAUSES, Cause, EntryState, OfferState, SlotState
from core.web.api import given

S = dict[str, Any]

TEXT: S = {"type": "string"}
MAYBE: S = {"type": ["string", "null"]}
COUNT: S = {"type": "integer", "minimum": 0}
MOMENT: S = {"type": "string", "format": "date-time"}
MAYBE_MOMENT: S = {"type": ["string", "null"], "format": "date-time"}
YES: S = {"type": "boolean"}
ANY: S = {"type": "object"}


def ref(name: str) -> S:
    return {"$ref": f"#/components/schemas/{name}"}


def maybe(name: str) -> S:
    return {"oneOf": [ref(name), {"type": "null"}]}


def many(item: S) -> S:
    return {"type": "array", "items": item}


def thing(optional: tuple[str, ...] = (), /, **properties: S) -> S:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }


def pages(name: str) -> S:
    return thing(data=many(ref(name)), has_more=YES, next=MAYBE)


def more(name: str, /, **properties: S) -> S:
    return {"allOf": [ref(name), thing(**properties)]}


_STATE: S = {"enum": given.STATES}
_CLASS: S = {"enum": given.CLASSES}
_REACH: S = {"oneOf": [thing(reachable=COUNT, unreachable=COUNT, unknown=COUNT), {"type": "null"}]}
_CATEGORY: S = {"enum": [*(str(one) for one in Category), None]}
_MAYBE_COUNT: S = {"type": ["integer", "null"], "minimum": 0}
_CHANNELS = many({"enum": given.CHANNELS})
_WAYS = given.WAYS

SCHEMAS: dict[str, S] = {
    "Problem": thing(
        type={"type": "string", "format": "uri"},
        title=TEXT,
        status={"type": "integer"},
        detail=TEXT,
        code=TEXT,
        remedy=TEXT,
        request_id=TEXT,
        errors=many(thing(pointer=TEXT, code=TEXT, detail=TEXT)),
    ),
    "Reason": thing(code=TEXT, detail=TEXT, values=ANY),
    "Money": thing(amount={"type": "integer", "description": "Millionths of the currency"}, currency=TEXT),
    "Check": thing(
        ("reason", "code"), check=TEXT, result={"enum": ["passed", "moved", "refused"]}, reason=TEXT, code=TEXT
    ),
    "Message": thing(
        id=TEXT,
        state=_STATE,
        reason=maybe("Reason"),
        to=TEXT,
        **{"class": _CLASS},
        channels=_WAYS,
        channel=MAYBE,
        text=TEXT,
        due_at=MOMENT,
        expires_at=MAYBE_MOMENT,
        zone=MAYBE,
        reference=MAYBE,
        sender=MAYBE,
        installation=MAYBE,
        occasion=MAYBE,
        rule=MAYBE,
        campaign=MAYBE,
        test=YES,
        created_at=MOMENT,
        left_at=MAYBE_MOMENT,
        provider_account=MAYBE,
        provider_reference=MAYBE,
        estimate=thing(encoding={"enum": ["GSM-7", "UCS-2"]}, segments=COUNT, price=maybe("Money")),
        checks=many(ref("Check")),
    ),
    "Event": thing(
        ("provider", "provider_account", "channel", "outcome", "provider_reference", "status", "said_at", "link",
         "target"),
        at=MOMENT,
        what={"enum": ["accepted", "step", "attempt", "receipt", "click"]},
        state=MAYBE,
        reason=maybe("Reason"),
        provider=TEXT,
        provider_account=MAYBE,
        channel=TEXT,
        outcome=TEXT,
        provider_reference=MAYBE,
        status=TEXT,
        said_at=MAYBE_MOMENT,
        link={**TEXT, "description": "Of a click: which link the person followed"},
        target=TEXT,
    ),
    "MessageWithHistory": more(
        "Message",
        history=many(ref("Event")),
        template={"oneOf": [thing(id=TEXT, key=TEXT, language=TEXT, version=COUNT), {"type": "null"}]},
    ),
    "BatchResult": thing(
        results=many(
            thing(("message", "error"), status={"type": "integer"}, message=ref("Message"), error=ref("Problem"))
        )
    ),
    "Contact": thing(
        id=TEXT,
        number=TEXT,
        country=TEXT,
        name=MAYBE,
        first_name=MAYBE,
        email=MAYBE,
        language=MAYBE,
        zone=MAYBE,
        values=ANY,
        quarantine=maybe("Reason"),
        created_at=MOMENT,
    ),
    "Consent": thing(id=TEXT, to=TEXT, scope=TEXT, state={"enum": ["in", "out"]}, at=MOMENT, source=TEXT, proof=ANY),
    "Template": thing(
        key=TEXT,
        folder=MAYBE,
        languages={"type": "object", "additionalProperties": TEXT},
        versions=many(
            thing(
                language=TEXT, version=COUNT, body=TEXT, id=TEXT, who=MAYBE, taken_from={"type": ["integer", "null"]},
                created_at=MOMENT,
            )
        ),
    ),
    "TemplateSaved": more(
        "Template",
        variables=many(TEXT),
        measure=thing(
            text=MAYBE, encoding={"enum": ["GSM-7", "UCS-2"]}, units=COUNT, segments=COUNT, price=maybe("Money")
        ),
    ),
    "Rule": thing(
        ("warnings",),
        id=MAYBE,
        installation=MAYBE,
        name=TEXT,
        on={"enum": given.KINDS},
        **{"class": _CLASS},
        when=ANY,
        until={"type": ["object", "null"]},
        channels=_WAYS,
        content={"type": ["object", "null"]},
        body=MAYBE,
        template=MAYBE,
        survey={**MAYBE, "description": "The survey whose first question is its text"},
        sender=MAYBE,
        asks=YES,
        late={"enum": ["skip", "send"]},
        only=ANY,
        at_least=maybe("Money"),
        countries=many(TEXT),
        once_per_person=MAYBE,
        control_group=_MAYBE_COUNT,
        discount=maybe("Discount"),
        active=YES,
        preset=MAYBE,
        version=COUNT,
        created_at=MOMENT,
        warnings=many(ref("Reason")),
    ),
    "Discount": thing(
        ("percent", "amount", "currency"), percent=COUNT, days=COUNT,
        amount={"type": "integer", "description": "Millionths of the currency"}, currency=TEXT,
    ),
    "RuleDifference": thing(rule=ref("Rule"), difference=ref("Difference")),
    "Difference": thing(
        new=COUNT,
        moved=COUNT,
        cancelled=COUNT,
        unchanged=COUNT,
        steps=many(
            thing(
                occasion=TEXT,
                title={},
                start=MAYBE_MOMENT,
                step={"enum": ["new", "move", "cancel"]},
                message=MAYBE,
                to=TEXT,
                text=TEXT,
                due_at=MOMENT,
                reason=maybe("Reason"),
            )
        ),
    ),
    "Installation": thing(
        id=TEXT,
        adapter=TEXT,
        name=TEXT,
        mode={"enum": ["rehearsal", "live"]},
        state={"enum": ["connected", "reconnect", "paused", "disconnected"]},
        account=MAYBE,
        config=ANY,
        zone=TEXT,
        country=TEXT,
        hook_url=TEXT,
        pulled_at=MAYBE_MOMENT,
        next_pull_at=MAYBE_MOMENT,
        live_since=MAYBE_MOMENT,
        heard_at=MAYBE_MOMENT,
        control_group=_MAYBE_COUNT,
        grant_expires_at=MAYBE_MOMENT,
        trouble=maybe("Reason"),
        problems=many(ref("Reason")),
        created_at=MOMENT,
    ),
    "InstallationMade": {
        "allOf": [
            ref("Installation"),
            thing(
                ("signing_secret", "connection_code", "webhook_secret", "password"),
                signing_secret=TEXT,
                connection_code=TEXT,
                webhook_secret=TEXT,
                password=TEXT,
            ),
        ]
    },
    "Disconnected": thing(id=TEXT, state={"const": "disconnected"}, left_over_there=many(ref("Reason"))),
    "Rehearsal": thing(
        installation=TEXT,
        occasions=COUNT,
        rules=COUNT,
        totals=thing(
            send=COUNT,
            skip=COUNT,
            segments=COUNT,
            price=many(ref("Money")),
            without_price=COUNT,
            reasons={"type": "object", "additionalProperties": COUNT},
            rcs=_REACH,
            templates=many(more("Reason", messages=COUNT)),
        ),
        would_send=many(
            thing(
                occasion=ref("Occasion"),
                rule=TEXT,
                name=TEXT,
                to=TEXT,
                **{"class": _CLASS},
                channels=_CHANNELS,
                text=TEXT,
                due_at=MOMENT,
                expires_at=MAYBE_MOMENT,
                encoding=TEXT,
                segments=COUNT,
                price=maybe("Money"),
                checks=many(ref("Check")),
            )
        ),
        would_not=many(
            thing(occasion=ref("Occasion"), rule=TEXT, name=TEXT, reason=ref("Reason"), wanted_at=MAYBE_MOMENT)
        ),
        mode=TEXT,
        pulled_at=MAYBE_MOMENT,
        trouble=maybe("Reason"),
        problems=many(ref("Reason")),
    ),
    "Replay": thing(
        installation=TEXT,
        since=MOMENT,
        until=MOMENT,
        rules=many(TEXT),
        active=YES,
        carts=COUNT,
        reachable=COUNT,
        would_have_left=COUNT,
        ordered_before=COUNT,
        emptied_before=COUNT,
        left_out=COUNT,
        messages=COUNT,
        moved=COUNT,
        segments=COUNT,
        price=many(ref("Money")),
        without_price=COUNT,
        reasons={"type": "object", "additionalProperties": COUNT},
        more=YES,
    ),
    "RehearsalOrReplay": {"oneOf": [ref("Rehearsal"), ref("Replay")]},
    "Figures": thing(
        nudged=COUNT,
        clicked=COUNT,
        recovered=thing(orders=COUNT, amounts=many(ref("Money"))),
        ordered_after=thing(orders=COUNT, amounts=many(ref("Money"))),
        control_group=thing(carts=COUNT, orders=COUNT),
        cost=many(ref("Money")),
        stops=COUNT,
        stop_rate={"type": ["number", "null"]},
    ),
    "Uplift": thing(
        nudged=thing(carts=COUNT, orders=COUNT),
        control_group=thing(carts=COUNT, orders=COUNT),
        enough=YES,
        points={"type": ["number", "null"]},
        low={"type": ["number", "null"]},
        high={"type": ["number", "null"]},
        certainty={"type": "number"},
        says=ref("Reason"),
    ),
    "Stats": thing(
        since=MOMENT,
        until=MOMENT,
        window=TEXT,
        data=many(
            thing(
                installation=TEXT,
                name=TEXT,
                totals=ref("Figures"),
                rules=many(more("Figures", rule=TEXT, name=MAYBE)),
                days=many(more("Figures", day=TEXT, rule=TEXT)),
                uplift=ref("Uplift"),
                settled_until=MOMENT,
                workflows=many(ref("Workflow")),
            )
        ),
        measures=ref("Measures"),
    ),
    "Kpi": thing(
        name=TEXT,
        unit={"enum": ["count", "share", "money"]},
        value={"type": ["number", "null"]},
        currency=MAYBE,
        numerator=thing(name=TEXT, count={"type": "integer"}),
        denominator={"oneOf": [thing(name=TEXT, count={"type": "integer"}), {"type": "null"}]},
        formula=TEXT,
        before={"type": ["number", "null"]},
        change={"type": ["number", "null"], "description": "Points of a share; else percent"},
    ),
    "Measures": thing(
        since=TEXT,
        until=TEXT,
        before=thing(since=TEXT, until=TEXT),
        zone=TEXT,
        filters={"type": "object", "additionalProperties": TEXT},
        attribution_hours=COUNT,
        live=YES,
        figures=many(ref("Kpi")),
        channels=many(thing(channel=TEXT, figures=many(ref("Kpi")))),
        days=many(
            thing(
                day=TEXT, left=COUNT, delivered=COUNT, read=COUNT, failed=COUNT, parts=COUNT, linked=COUNT,
                clicked=COUNT, asked=COUNT, answered=COUNT, stops=COUNT, cost=many(ref("Money")),
            )
        ),
    ),
    "Workflow": thing(
        campaign=TEXT,
        label=MAYBE,
        enrolled=COUNT,
        planned=COUNT,
        sent=COUNT,
        delivered=COUNT,
        clicked=COUNT,
        stops=COUNT,
        cost=many(ref("Money")),
        not_sent=COUNT,
        reasons=many(more("Reason", count=COUNT)),
    ),
    "Sync": thing(
        installation=TEXT,
        state={"enum": ["asked", "done", "trouble", "busy"]},
        changed={"type": ["integer", "null"]},
        trouble=maybe("Reason"),
    ),
    "Occasion": thing(
        id=TEXT,
        installation=TEXT,
        key=TEXT,
        kind={"enum": given.KINDS},
        open=YES,
        closed=MAYBE,
        muted=YES,
        start=MAYBE_MOMENT,
        end=MAYBE_MOMENT,
        zone=MAYBE,
        all_day=YES,
        to=MAYBE,
        chosen_by_person=YES,
        trouble=maybe("Reason"),
        phone_evidence={"oneOf": [thing(field=TEXT, text=TEXT), {"type": "null"}]},
        candidates=many(TEXT),
        values=ANY,
        answer=MAYBE,
        first_seen=MAYBE_MOMENT,
        changed_at=MOMENT,
    ),
    "Explanation": thing(
        about=ANY,
        summary=many(TEXT),
        messages=many(ref("MessageWithHistory")),
        occasions=many(
            more(
                "Occasion",
                rehearsal=YES,
                answers=many(
                    thing(
                        rule=TEXT,
                        name=TEXT,
                        answer={"enum": ["send", "skip"]},
                        reason=maybe("Reason"),
                        sentence=TEXT,
                        wanted_at=MAYBE_MOMENT,
                        checks=many(ref("Check")),
                        at=MOMENT,
                    )
                ),
            )
        ),
        rules=many(ref("Rule")),
        campaigns=many(
            thing(
                campaign=TEXT,
                name=TEXT,
                state={"enum": ["waiting", "planned", "left_out", "control"]},
                variant=MAYBE,
                message=MAYBE,
                reason=maybe("Reason"),
                at=MAYBE_MOMENT,
            )
        ),
        slots=many(
            thing(slot=TEXT, at=MOMENT, what=TEXT, to=MAYBE, entry=MAYBE, reason=maybe("Reason"))
        ),
        standing={
            "oneOf": [
                thing(
                    to=TEXT,
                    opted_out=many(TEXT),
                    marketing_consent=YES,
                    quarantine=maybe("Reason"),
                    consents=many(ref("Consent")),
                ),
                {"type": "null"},
            ]
        },
    ),
    "Account": thing(
        id=TEXT,
        provider=TEXT,
        name=TEXT,
        state={"enum": ["active", "held", "paused", "removed"]},
        position=COUNT,
        config=ANY,
        countries=many(TEXT),
        channels=_CHANNELS,
        rate={"type": ["integer", "null"]},
        denied=many(TEXT),
        classes=many(_CLASS),
        prices=ANY,
        weight={"type": ["integer", "null"]},
        takes_replies=YES,
        rates=ANY,
        receipts_url=TEXT,
        replies_url=TEXT,
        trouble=maybe("Reason"),
        held_until=MAYBE_MOMENT,
        created_at=MAYBE_MOMENT,
    ),
    "AuditLine": thing(
        id=TEXT,
        at=MOMENT,
        who={"type": "string", "description": "The id of a person or a key, or `engine`, `installation`, `relance`"},
        what=TEXT,
        on={"type": ["string", "null"], "description": "The id of the row that it was done to"},
        detail=ANY,
        number={"type": ["integer", "null"], "description": "Its place in the chain; null within the first minute"},
        chain={"type": ["string", "null"], "description": "A keyed hash over this line and all before it"},
    ),
    "InboxItem": thing(
        id=TEXT,
        adapter=TEXT,
        source={"enum": ["hook", "receipts", "replies"]},
        installation=MAYBE,
        provider_account=MAYBE,
        received_at=MOMENT,
        delivery=MAYBE,
        state={"enum": ["read", "unreadable", "unsupported", "repeated"]},
        trouble=maybe("Reason"),
        replayed_at=MAYBE_MOMENT,
    ),
    "InboxEntry": more("InboxItem", request=thing(method=TEXT, path=TEXT, headers=many(many(TEXT)), body=TEXT)),
    "SimulatorMessage": thing(
        id=TEXT,
        message=TEXT,
        to=TEXT,
        **{"from": MAYBE},
        text=TEXT,
        channel={"enum": given.CHANNELS},
        received_at=MOMENT,
        state=_STATE,
    ),
    "SimulatorReply": thing(**{"from": TEXT}, to=TEXT, text=TEXT, at=MOMENT),
    "Webhook": thing(
        id=TEXT,
        url=TEXT,
        events=many(TEXT),
        state=TEXT,
        secrets=COUNT,
        trouble=maybe("Reason"),
        failing_since=MAYBE_MOMENT,
        created_at=MOMENT,
    ),
    "WebhookMade": more("Webhook", secret={"type": "string", "description": "Shown this once"}),
    "Delivery": thing(
        id=TEXT,
        event=TEXT,
        state={"enum": ["waiting", "delivered", "failed"]},
        tries=COUNT,
        status={"type": ["integer", "null"]},
        answer={**MAYBE, "description": "How what the endpoint answered begins"},
        trouble=maybe("Reason"),
        due_at=MOMENT,
        created_at=MOMENT,
        delivered_at=MAYBE_MOMENT,
        body=ANY,
    ),
    "Config": {
        "type": "object",
        "description": "The document that `POST /v1/config` takes",
        "required": ["relance", "workspace", "links", "templates", "segments", "accounts", "rules"],
    },
    "ConfigApplied": thing(
        changes=many(
            thing(
                what={"enum": ["workspace", "template", "segment", "account", "rule"]},
                name=TEXT,
                change={"enum": ["added", "changed", "removed"]},
                was={**ANY, "description": "The fields that differ, as they were"},
                becomes={**ANY, "description": "And as they become"},
            )
        ),
        difference=maybe("Difference"),
    ),
    "Request": thing(
        id=TEXT,
        request_id={**TEXT, "description": "The `request_id` of the answer"},
        at=MOMENT,
        key=TEXT,
        method=TEXT,
        route=TEXT,
        on={**MAYBE, "description": "The id of ours in the address"},
        status=COUNT,
        code={**MAYBE, "description": "The problem's code"},
        dry_run=YES,
        milliseconds={"type": "number"},
    ),
    "Clicks": thing(
        human={**COUNT, "description": "People; who taps twice within a minute counts once"},
        preview={**COUNT, "description": "Messengers and browsers that look ahead for somebody"},
        robot=COUNT,
        unknown={**COUNT, "description": "Programs that say nothing of themselves"},
    ),
    "Link": thing(
        id=TEXT,
        code=TEXT,
        url=TEXT,
        target=TEXT,
        name=MAYBE,
        track=YES,
        message=MAYBE,
        state={"enum": ["open", "over"]},
        expires_at=MAYBE_MOMENT,
        created_at=MOMENT,
        clicked_at=MAYBE_MOMENT,
        clicks=ref("Clicks"),
    ),
    "LinkWithHours": more("Link", hours=many({"allOf": [ref("Clicks"), thing(start=MOMENT)]})),
    "Verification": thing(
        id=TEXT,
        state={"enum": ["pending", "approved", "failed", "expired"]},
        to=TEXT,
        channel={"enum": given.CHANNELS},
        purpose=TEXT,
        language=TEXT,
        created_at=MOMENT,
        expires_at=MOMENT,
        tries_left=COUNT,
    ),
    "VerificationForeseen": more(
        "Verification",
        reason=maybe("Reason"),
        estimate=thing(encoding={"enum": ["GSM-7", "UCS-2"]}, segments=COUNT, price=maybe("Money")),
        checks=many(ref("Check")),
    ),
    "VerificationKept": more(
        "Verification",
        origin=TEXT,
        message=MAYBE,
        reason=maybe("Reason"),
        checked_at=MAYBE_MOMENT,
    ),
    "VerificationChecked": thing(
        id=TEXT,
        state={
            "enum": ["approved", "wrong", "expired", "too_many", "pending"],
            "description": "`pending` in a dry run alone",
        },
        tries_left=COUNT,
    ),
    "Conversation": thing(
        id=TEXT,
        number=TEXT,
        name=MAYBE,
        state={"enum": ["open", "waiting", "closed"]},
        unread=COUNT,
        assigned=MAYBE,
        assigned_name=MAYBE,
        channel={"enum": given.CHANNELS, "description": "By which one answers unless one says otherwise"},
        last={"oneOf": [thing(**{"from": {"enum": ["person", "house"]}}, text=TEXT, at=MOMENT), {"type": "null"}]},
        whatsapp=thing(open={**YES, "description": "Whether WhatsApp takes free text now"}, until=MAYBE_MOMENT),
        opted_out=many(TEXT),
        changed_at=MOMENT,
        created_at=MOMENT,
    ),
    "ConversationEntry": thing(
        ("channel", "class", "state", "reason", "meaning", "outcome", "message", "occasion", "by", "by_name"),
        kind={"enum": ["message", "reply", "note"]},
        id=TEXT,
        at=MOMENT,
        text=TEXT,
        channel=MAYBE,
        **{"class": _CLASS},
        state=_STATE,
        reason=maybe("Reason"),
        meaning={**TEXT, "description": "Of a reply: what we made of it"},
        outcome=maybe("Reason"),
        message={**MAYBE, "description": "Of a reply: the message that it answers"},
        occasion=MAYBE,
        by={**MAYBE, "description": "The user or key that wrote it; null for what a rule sent"},
        by_name=MAYBE,
    ),
    "ConversationWithEntries": more(
        "Conversation", entries=many(ref("ConversationEntry")), has_more=YES, next=MAYBE
    ),
    "Segment": thing(
        id=TEXT,
        name=TEXT,
        conditions={"type": ["object", "null"], "description": "null for a list"},
        created_at=MOMENT,
        changed_at=MOMENT,
    ),
    "SegmentWithPeople": more("Segment", count=COUNT, sample=many(ref("Contact"))),
    "Campaign": thing(
        id=MAYBE,
        name=TEXT,
        **{"class": _CLASS},
        audience={**ANY, "description": "`segment`, `conditions`, or how many `numbers`"},
        channels=_WAYS,
        variants=many(
            thing(name=TEXT, share=COUNT, body=MAYBE, template=MAYBE, content={"type": ["object", "null"]})
        ),
        sender=MAYBE,
        shorten=YES,
        fallbacks=ANY,
        send_at=MAYBE,
        zone=MAYBE,
        useful_for=TEXT,
        staged={
            "oneOf": [
                thing(percent=COUNT, after=MAYBE, most_failed={"type": "number"}, most_stopped={"type": "number"}),
                {"type": "null"},
            ]
        },
        winner=MAYBE,
        holdout=COUNT,
        open_until=MAYBE_MOMENT,
        state={"enum": [str(one) for one in Phase]},
        survey={**MAYBE, "description": "The survey whose first question is its text"},
        first_only={**YES, "description": "Whether only its first part is being sent"},
        chosen={**MAYBE, "description": "The text that did best, once it was chosen"},
        trouble=maybe("Reason"),
        test=YES,
        created_at=MOMENT,
        started_at=MAYBE_MOMENT,
        ended_at=MAYBE_MOMENT,
    ),
    "FunnelStep": thing(step=TEXT, count=COUNT, lost=COUNT, reasons=many(more("Reason", count=COUNT))),
    "CampaignFigures": thing(
        waiting=COUNT, left=COUNT, delivered=COUNT, failed=COUNT, clicked=COUNT, replied=COUNT, stopped=COUNT,
        ordered=COUNT, click_rate={"type": ["number", "null"]}, stop_rate={"type": ["number", "null"]},
        failure_rate={"type": ["number", "null"]}, cost=many(ref("Money")),
    ),
    "CampaignResults": thing(
        people=thing(audience=COUNT, waiting=COUNT, planned=COUNT, left_out=COUNT, control=COUNT),
        pending=COUNT,
        funnel=many(ref("FunnelStep")),
        variants=many(more("CampaignFigures", name=TEXT, share=COUNT, won=YES, people=COUNT)),
        totals=ref("CampaignFigures"),
        orders=thing(
            window=TEXT,
            written_to=thing(people=COUNT, orders=COUNT),
            clicked=thing(people=COUNT, orders=COUNT),
            control_group=thing(people=COUNT, orders=COUNT),
            enough=YES,
            points={"type": ["number", "null"]},
            low={"type": ["number", "null"]},
            high={"type": ["number", "null"]},
            certainty={"type": "number"},
            says=ref("Reason"),
        ),
    ),
    "CampaignWithResults": more("Campaign", results=maybe("CampaignResults")),
    "CampaignRehearsal": thing(
        campaign=ref("Campaign"),
        audience=COUNT,
        looked_at=COUNT,
        all=YES,
        would_get=COUNT,
        first=COUNT,
        control_group=COUNT,
        later=COUNT,
        heard_lately=COUNT,
        segments=COUNT,
        price=many(ref("Money")),
        without_price=COUNT,
        variants=many(
            thing(
                name=TEXT,
                share=COUNT,
                people=COUNT,
                segments=COUNT,
                most_segments=COUNT,
                example={
                    "oneOf": [
                        thing(to=TEXT, text=TEXT, encoding={"enum": ["GSM-7", "UCS-2"]}, segments=COUNT, due_at=MOMENT),
                        {"type": "null"},
                    ]
                },
            )
        ),
        funnel=many(ref("FunnelStep")),
        first_due=MAYBE_MOMENT,
        last_due=MAYBE_MOMENT,
        rate={"type": ["number", "null"], "description": "Messages a second"},
        duration_seconds=_MAYBE_COUNT,
        rcs=_REACH,
        overlap=maybe("CampaignOverlap"),
        templates=many(more("Reason", messages=COUNT)),
    ),
    "CampaignSeries": thing(
        id=TEXT, name=TEXT, state={"enum": ["active", "paused", "ended"]}, every={"enum": ["week", "month"]},
        first=TEXT, at=TEXT, zone=TEXT, until=MAYBE, most=_MAYBE_COUNT, runs=COUNT, next_run_at=MAYBE_MOMENT,
        campaign=ANY, trouble=maybe("Reason"), created_at=MOMENT,
    ),
    "CampaignSeriesWithRuns": more("CampaignSeries", campaigns=many(ref("Campaign"))),
    "CampaignOverlap": thing(
        people=COUNT, days=COUNT, planned=COUNT, got=COUNT, at_cap=COUNT,
        sources=many(thing(kind={"enum": ["rule", "campaign", "program"]}, id=MAYBE, name=MAYBE, people=COUNT)),
    ),
    "CampaignOverlapPerson": thing(
        to=TEXT, planned=YES, got=YES, at_cap=YES,
        messages=many(
            thing(
                message=TEXT, **{"class": _CLASS}, state=_STATE, at=MOMENT, rule=MAYBE, campaign=MAYBE, name=MAYBE
            )
        ),
    ),
    "WaitlistEntry": thing(
        id=TEXT, to=TEXT, name=MAYBE, installation=MAYBE, kind=MAYBE, wishes=ANY,
        moves={**MAYBE, "description": "The occasion that they would give up for an earlier time"},
        position=COUNT, state={"enum": [str(one) for one in EntryState]}, reason=maybe("Reason"),
        proof={**ANY, "description": "How they agreed to be written to"}, agreed_at=MOMENT, created_at=MOMENT,
        changed_at=MOMENT,
    ),
    "WaitlistBatchResult": thing(
        results=many(
            thing(
                ("entry", "error"), status={"type": "integer"}, entry=ref("WaitlistEntry"), error=ref("Problem")
            )
        )
    ),
    "WaitlistSlot": thing(
        id=TEXT, installation=TEXT, occasion=MAYBE, cause={"enum": [str(one) for one in Cause]}, start=MOMENT,
        end=MAYBE_MOMENT, zone=TEXT, title=MAYBE, state={"enum": [str(one) for one in SlotState]},
        reason=maybe("Reason"), deadline=MOMENT, next_at=MAYBE_MOMENT,
        taken_by={"oneOf": [thing(entry=TEXT, to=TEXT, name=MAYBE), {"type": "null"}]}, taken_at=MAYBE_MOMENT,
        moves={**MAYBE, "description": "The later appointment that the taker gives up"},
        calendar=thing(state={"enum": ["none", "wanted", "done", "failed"]}, key=MAYBE, reason=maybe("Reason")),
        settled_at={**MAYBE_MOMENT, "description": "When the taker stood in the calendar"}, created_at=MOMENT,
    ),
    "WaitlistOffer": thing(
        id=TEXT, slot=TEXT, entry=TEXT, to=TEXT, message=MAYBE, state={"enum": [str(one) for one in OfferState]},
        reason=maybe("Reason"), asked_at=MOMENT, until=MOMENT, answered_at=MAYBE_MOMENT,
    ),
    "WaitlistSlotStory": more(
        "WaitlistSlot",
        offers=many(ref("WaitlistOffer")),
        steps=many(thing(at=MOMENT, what=TEXT, to=MAYBE, entry=MAYBE, reason=maybe("Reason"))),
        coming=many(thing(entry=TEXT, to=TEXT, until=MOMENT)),
        can_still_ask=COUNT,
    ),
    "WaitlistTerms": thing(
        installation=TEXT, on=YES, notice_minutes=COUNT, hold_minutes=COUNT, most=COUNT, days=COUNT,
        causes=many({"enum": [str(one) for one in CAUSES]}), writes=YES, keyword=TEXT, text=TEXT,
    ),
    "Survey": thing(
        id=TEXT,
        name=TEXT,
        **{"class": _CLASS},
        language=TEXT,
        sender=MAYBE,
        questions=many(ANY),
        ending=MAYBE,
        unclear=TEXT,
        reminder={"oneOf": [thing(after=TEXT, text=TEXT), {"type": "null"}]},
        lasts=TEXT,
        rest=TEXT,
        state={"enum": [str(one) for one in SurveyPhase]},
        texts=many(
            thing(what=TEXT, text=TEXT, encoding={"enum": ["GSM-7", "UCS-2"]}, segments=COUNT, price=maybe("Money"))
        ),
        most_messages={**COUNT, "description": "To one person who answers clearly, without the reminder"},
        most_price=maybe("Money"),
        test=YES,
        created_at=MOMENT,
        started_at=MAYBE_MOMENT,
        ended_at=MAYBE_MOMENT,
    ),
    "SurveyRate": thing(
        value={"type": ["number", "null"], "description": "0 to 1; null of nobody"},
        count=COUNT,
        of={**COUNT, "description": "The denominator"},
        formula=TEXT,
    ),
    "SurveyResults": thing(
        meant=COUNT,
        asked={**COUNT, "description": "To whom the first question left"},
        answered=COUNT,
        done=COUNT,
        states={"type": "object", "additionalProperties": COUNT},
        response_rate=ref("SurveyRate"),
        completion_rate=ref("SurveyRate"),
        questions=many(
            thing(
                number=COUNT,
                text=TEXT,
                kind={"enum": [str(one) for one in SurveyKind]},
                asked=COUNT,
                answered=COUNT,
                options=many(thing(value=TEXT, label=TEXT, count=COUNT, share={"type": "number"})),
                average={
                    "oneOf": [thing(value={"type": ["number", "null"]}, of=COUNT, formula=TEXT), {"type": "null"}]
                },
                net_score={
                    "oneOf": [
                        thing(
                            value={"type": ["number", "null"]}, promoters=COUNT, detractors=COUNT, of=COUNT,
                            formula=TEXT,
                        ),
                        {"type": "null"},
                    ]
                },
            )
        ),
        hours=many(thing(start=MOMENT, answers=COUNT)),
    ),
    "SurveyWithResults": more(
        "Survey",
        used_by=many(thing(kind={"enum": ["campaign", "rule", "keyword"]}, id=TEXT, name=TEXT)),
        results=ref("SurveyResults"),
    ),
    "SurveyStarted": thing(survey=ref("Survey"), campaign=ref("Campaign")),
    "SurveyAnswer": thing(
        id=TEXT,
        survey=TEXT,
        person=TEXT,
        **{"from": TEXT},
        question=COUNT,
        asked=TEXT,
        value={**MAYBE, "description": "The letter of a choice, the number of a scale; null for free words"},
        label=MAYBE,
        text=TEXT,
        reply=TEXT,
        at=MOMENT,
    ),
    "SurveyPerson": thing(
        id=TEXT,
        survey=TEXT,
        to=TEXT,
        state={"enum": [str(one) for one in SurveyPart]},
        question={**COUNT, "description": "The one that was asked last"},
        origin={"enum": ["campaign", "rule", "keyword"]},
        campaign=MAYBE,
        rule=MAYBE,
        occasion=MAYBE,
        message=TEXT,
        reason=maybe("Reason"),
        reminded_at=MAYBE_MOMENT,
        created_at=MOMENT,
        asked_at=MAYBE_MOMENT,
        ended_at=MAYBE_MOMENT,
        test=YES,
    ),
    "Keyword": thing(
        id=TEXT,
        words=many(TEXT),
        body=MAYBE,
        template=MAYBE,
        segment=MAYBE,
        consent={"oneOf": [thing(text=TEXT, place=TEXT), {"type": "null"}]},
        survey=MAYBE,
        active=YES,
        heard={**COUNT, "description": "How often one of its words came"},
        heard_at=MAYBE_MOMENT,
        created_at=MOMENT,
    ),
    "CampaignPerson": thing(
        id=TEXT,
        to=TEXT,
        state={"enum": ["waiting", "planned", "left_out", "control"]},
        variant=MAYBE,
        step=MAYBE,
        reason=maybe("Reason"),
        message=MAYBE,
        at=MAYBE_MOMENT,
    ),
    "Export": thing(
        id=TEXT,
        what=TEXT,
        format={"enum": ["csv", "jsonl"]},
        filters=ANY,
        language=TEXT,
        state={"enum": ["waiting", "running", "done", "failed", "expired", "withdrawn"]},
        reason=maybe("Reason"),
        rows=COUNT,
        bytes=COUNT,
        file_url={**MAYBE, "description": "Where it is downloaded, with a key of the workspace, while it is kept"},
        expires_at=MAYBE_MOMENT,
        created_at=MOMENT,
        done_at=MAYBE_MOMENT,
    ),
    "File": {"type": "string"},
    "ExportList": pages("Export"),
    "ConversationList": pages("Conversation"),
    "MessageList": pages("Message"),
    "VerificationList": pages("VerificationKept"),
    "LinkList": pages("Link"),
    "Page": thing(
        id=TEXT,
        name=TEXT,
        url=TEXT,
        state={"enum": ["open", "over"]},
        action={"enum": [str(one) for one in Action]},
        languages={"type": "object", "additionalProperties": {"type": "object", "additionalProperties": TEXT}},
        number=MAYBE,
        address=MAYBE,
        target=MAYBE,
        shared=MAYBE,
        picture=MAYBE,
        codes=thing(there=COUNT, given=COUNT),
        views=ref("Clicks"),
        done=thing(pressed=COUNT, joined=COUNT, coupon=COUNT),
        created_at=MOMENT,
        changed_at=MOMENT,
        ended_at=MAYBE_MOMENT,
    ),
    "PageList": pages("Page"),
    "CodesAdded": thing(added=COUNT, there=COUNT, given=COUNT),
    "ContactList": pages("Contact"),
    "ConsentList": pages("Consent"),
    "TemplateList": pages("Template"),
    "ApprovedTemplate": thing(
        id=TEXT,
        account=TEXT,
        name=TEXT,
        language=TEXT,
        status={"enum": [str(one) for one in Status]},
        category=_CATEGORY,
        next_category=_CATEGORY,
        next_category_at=MAYBE_MOMENT,
        quality=MAYBE,
        header={"oneOf": [thing(kind=TEXT, text=TEXT), {"type": "null"}]},
        body=TEXT,
        footer=MAYBE,
        buttons=many(thing(kind={"enum": ["reply", "url", "phone", "other"]}, text=TEXT, value=TEXT)),
        values=many(TEXT),
        trouble=maybe("Reason"),
        rules=many(TEXT),
        changed_at=MOMENT,
    ),
    "ApprovedTemplateList": more(
        "ApprovedTemplatePage", listed_at=MAYBE_MOMENT, next_at=MAYBE_MOMENT, trouble=maybe("Reason")
    ),
    "ApprovedTemplatePage": pages("ApprovedTemplate"),
    "TemplateRefresh": thing(account=TEXT, listed_at=MAYBE_MOMENT, trouble=maybe("Reason")),
    "RuleList": pages("Rule"),
    "SegmentList": pages("Segment"),
    "CampaignList": pages("Campaign"),
    "CampaignPersonList": pages("CampaignPerson"),
    "CampaignSeriesList": pages("CampaignSeries"),
    "CampaignOverlapList": pages("CampaignOverlapPerson"),
    "SurveyList": pages("Survey"),
    "SurveyAnswerList": pages("SurveyAnswer"),
    "SurveyPersonList": pages("SurveyPerson"),
    "KeywordList": pages("Keyword"),
    "WaitlistEntryList": pages("WaitlistEntry"),
    "WaitlistSlotList": pages("WaitlistSlot"),
    "WaitlistOfferList": pages("WaitlistOffer"),
    "InstallationList": pages("Installation"),
    "OccasionList": pages("Occasion"),
    "Attendance": thing(occasion=TEXT, came={"type": ["boolean", "null"]}),
    "AccountList": pages("Account"),
    "AuditList": pages("AuditLine"),
    "InboxList": pages("InboxItem"),
    "SimulatorMessageList": pages("SimulatorMessage"),
    "WebhookList": pages("Webhook"),
    "DeliveryList": pages("Delivery"),
    "RequestList": pages("Request"),
    "Health": thing(status=TEXT),
    "Readiness": thing(status=TEXT, checks={"type": "object", "additionalProperties": TEXT}),
}
