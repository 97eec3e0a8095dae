"""`/v1/conversations`: who wrote back, what was said on both sides, and answering them."""

from __future__ import annotations

from core.domain.content import checked
from core.domain.messages import Channel
from core.engine import conversing, shown
from core.storage import conversations
from core.storage.database import Transaction
from core.web.api import given
from core.web.api.messages import _number
from core.web.api.routing import Answer, Call, Routes, page

ROUTES = Routes("conversations")


@ROUTES("GET", "/v1/conversations", "Conversations with people who wrote back, the liveliest first",
        query=given.Conversations(), gives="ConversationList")  # fmt: skip
def listed(call: Call) -> Answer:
    asked = call.query
    if asked.get("q"):
        asked["q"] = _number(asked["q"])
    with call.read() as tx:
        wanted = conversing.wanted(tx, asked)
        talks = conversing.talks(tx, conversations.listed(tx, wanted, limit=asked["limit"] + 1))
    return Answer(200, page(talks, asked["limit"], lambda talk: conversing.as_json(talk, call.now), _cursor))


@ROUTES("GET", "/v1/conversations/{id}", "A conversation with what was said and noted, newest first",
        query=given.Listed(), gives="ConversationWithEntries")  # fmt: skip
def single(call: Call, id: str) -> Answer:
    asked = call.query
    with call.read() as tx:
        row = conversing.known(tx, id)
        found = conversations.entries(tx, row, after=asked.get("after"), limit=asked["limit"] + 1)
        names = conversing.who_wrote(tx, found)
        [talk] = conversing.talks(tx, [row])
    told = page(found, asked["limit"], lambda one: conversing.entry_as_json(one, names, call.language), _entry_cursor)
    told["entries"] = told.pop("data")
    return Answer(200, {**conversing.as_json(talk, call.now), **told})


@ROUTES("PATCH", "/v1/conversations/{id}", "Closes or opens a conversation, says who looks after it, marks it as read",
        takes=given.ConversationChange(), gives="Conversation", partial=True)  # fmt: skip
def change(call: Call, id: str) -> Answer:
    body = call.body
    with call.write() as tx:
        conversing.change(
            tx, id, call.now, who=call.who, state=body.get("state"), unread=body.get("unread"),
            assigned=body.get("assigned"), unassign="assigned" in body and body["assigned"] is None,
        )  # fmt: skip
        return call.done(200, _shown(call, tx, id))


@ROUTES("POST", "/v1/conversations/{id}/answers", "Answers at once; WhatsApp takes free text for 24 hours after the "
        "person wrote there, and a template at any time", takes=given.ConversationAnswer(), gives="Message", status=201,
        also={409: "It may not leave: the person stopped everything, or WhatsApp takes a template only"})  # fmt: skip
def answer(call: Call, id: str) -> Answer:
    body = call.body
    said = conversing.Answer(
        body=body.get("body"),
        template=body.get("template"),
        data=body.get("data") or {},
        channel=Channel(body["channel"]) if body.get("channel") else None,
        read=body.get("reply"),
        content=checked(body["content"]) if body.get("content") else {},
        test=call.key.test,
    )
    with call.write() as tx:
        row = conversing.answer(call.suite, tx, id, said, who=call.who)
        return call.done(201, shown.message(row, call.language))


@ROUTES("POST", "/v1/conversations/{id}/notes", "Keeps a note that the person never sees",
        takes=given.ConversationNote(), gives="ConversationEntry", status=201)  # fmt: skip
def note(call: Call, id: str) -> Answer:
    with call.write() as tx:
        row = conversing.note(tx, id, call.body["text"], call.now, who=call.who)
        entry = conversations.Entry("note", row["at"], row)
        return call.done(201, conversing.entry_as_json(entry, {}, call.language))


def _shown(call: Call, tx: Transaction, conversation_id: str) -> dict[str, object]:
    [talk] = conversing.talks(tx, [conversing.known(tx, conversation_id)])
    return conversing.as_json(talk, call.now)


def _cursor(talk: conversing.Talk) -> str:
    return conversations.cursor(talk.row)


def _entry_cursor(entry: conversations.Entry) -> str:
    return entry.cursor
