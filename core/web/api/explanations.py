"""`/v1/explanations`: why, and why not."""

from __future__ import annotations

from core.engine import explaining
from core.web import problems
from core.web.api import given
from core.web.api.messages import _number, recipient
from core.web.api.routing import Answer, Call, Routes

ROUTES = Routes("explanations")


@ROUTES("GET", "/v1/explanations", "Why and why not: of a message, an occasion, or everything about a number",
        query=given.Explanations(), gives="Explanation")  # fmt: skip
def explain(call: Call) -> Answer:
    asked = {name: value for name, value in call.query.items() if value}
    if len(asked) != 1:
        raise problems.Malformed("query_one_of", names="to, occasion, message")
    ((name, value),) = asked.items()
    with call.read() as tx:
        if name == "message":
            return Answer(200, explaining.message(tx, value, call.now, call.language))
        if name == "occasion":
            return Answer(200, explaining.occasion(tx, value, call.now, call.language))
        number = recipient(_number(value), None).number
        return Answer(200, explaining.number(tx, number, call.now, call.language))
