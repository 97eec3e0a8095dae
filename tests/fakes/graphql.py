"""Enough GraphQL to answer what a client really asks, and to refuse what the schema does not know.

    document = parse("query Who($id: ID!) { shop { name } }")
    answer(document, {"id": "1"}, SCHEMA, {"shop": lambda arguments: {"name": "Thé & Co"}})

A schema maps a type to its fields, and a field to the type of what it holds ("" for a scalar). A list of objects under
a field that is asked for `nodes` is a connection: `first`, `after`, `pageInfo` work on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Mapping[str, str]]
_TOKEN = re.compile(r"""[\s,]+|(\$?[A-Za-z_]\w*|"(?:[^"\\]|\\.)*"|\.\.\.|-?\d+(?:\.\d+)?|[{}()\[\]:!=])""")


class Wrong(Exception):
    """What a GraphQL server says to a document that it does not take."""


@dataclass(frozen=True)
class Field:
    name: str
    alias: str
    arguments: Mapping[str, Any]
    fields: Sequence[Field]


@dataclass(frozen=True)
class Variable:
    name: str


@dataclass(frozen=True)
class Document:
    kind: str
    name: str
    variables: Mapping[str, str] = field(default_factory=dict)
    fields: Sequence[Field] = ()


class _Reader:
    def __init__(self, source: str) -> None:
        self._tokens = list(_tokens(source))
        self._place = 0

    def peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise Wrong(f"syntax error: expected {wanted or 'something'}, got {token or 'the end'}")
        self._place += 1
        return token

    def document(self) -> Document:
        kind = self.take()
        if kind not in ("query", "mutation"):
            raise Wrong(f"syntax error at {kind}")
        name = self.take()
        variables: dict[str, str] = {}
        if self.peek() == "(":
            self.take("(")
            while self.peek() != ")":
                variable = self.take()
                self.take(":")
                variables[variable.removeprefix("$")] = self.take()
                if self.peek() == "!":
                    variables[variable.removeprefix("$")] += self.take("!")
            self.take(")")
        document = Document(kind, name, variables, self.selection())
        if self.peek():
            raise Wrong(f"syntax error at {self.peek()}")
        return document

    def selection(self) -> list[Field]:
        self.take("{")
        fields = []
        while self.peek() != "}":
            name = alias = self.take()
            if name == "...":
                # Of a union the fakes have one type each: its fields are those of the object itself.
                self.take("on")
                self.take()
                fields += self.selection()
                continue
            if self.peek() == ":":
                self.take(":")
                name = self.take()
            arguments = self.pairs("(", ")") if self.peek() == "(" else {}
            fields.append(Field(name, alias, arguments, self.selection() if self.peek() == "{" else ()))
        self.take("}")
        if not fields:
            raise Wrong("a selection is empty")
        return fields

    def pairs(self, opening: str, closing: str) -> dict[str, Any]:
        self.take(opening)
        found = {}
        while self.peek() != closing:
            name = self.take()
            self.take(":")
            found[name] = self.value()
        self.take(closing)
        return found

    def value(self) -> Any:
        token = self.peek()
        if token == "{":
            return self.pairs("{", "}")
        if token == "[":
            self.take("[")
            found = []
            while self.peek() != "]":
                found.append(self.value())
            self.take("]")
            return found
        self.take()
        if token.startswith("$"):
            return Variable(token[1:])
        if token.startswith('"'):
            return token[1:-1]
        if token in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[token]
        return int(token) if token.lstrip("-").isdigit() else token


def parse(source: str) -> Document:
    """Raises `Wrong`."""
    return _Reader(source).document()


def cost_of(fields: Sequence[Field]) -> int:
    """As Shopify counts before it answers: an object is 1; a list, 2 and as many objects as it may hold."""
    total = 0
    for one in fields:
        if one.name == "nodes":
            total += cost_of(one.fields)
        elif "first" in one.arguments:
            many = one.arguments["first"]
            total += 2 + (many if isinstance(many, int) else 1) * (1 + cost_of(one.fields))
        elif one.fields and one.name != "pageInfo":
            total += 1 + cost_of(one.fields)
    return total


def answer(document: Document, given: Mapping[str, Any], schema: Schema,
           roots: Mapping[str, Callable[[Mapping[str, Any]], Any]]) -> dict[str, Any]:
    """The `data`. Raises `Wrong` for an unknown field, a missing or unknown variable."""
    for name, kind in document.variables.items():
        if kind.endswith("!") and given.get(name) is None:
            raise Wrong(f"variable ${name} of type {kind} was provided invalid value")
    if unknown := set(given) - set(document.variables):
        raise Wrong(f"variables {sorted(unknown)} are not declared")
    root = "Mutation" if document.kind == "mutation" else "Query"
    said = {}
    for one in document.fields:
        if one.name not in roots or one.name not in schema[root]:
            raise Wrong(f"Field '{one.name}' doesn't exist on type '{root}'")
        arguments = _filled(one.arguments, given, document)
        found = roots[one.name](arguments)
        said[one.alias] = _shown(found, one, schema[root][one.name], schema, arguments, given, document)
    return said


def _filled(value: Any, given: Mapping[str, Any], document: Document) -> Any:
    if isinstance(value, Variable):
        if value.name not in document.variables:
            raise Wrong(f"variable ${value.name} is used but not declared")
        return given.get(value.name)
    if isinstance(value, Mapping):
        return {name: _filled(one, given, document) for name, one in value.items()}
    return [_filled(one, given, document) for one in value] if isinstance(value, list) else value


def _shown(found: Any, asked: Field, kind: str, schema: Schema, arguments: Mapping[str, Any], given: Mapping[str, Any],
           document: Document) -> Any:
    if not kind:
        if asked.fields:
            raise Wrong(f"Field '{asked.name}' is a scalar and has no fields")
        return found
    if not asked.fields:
        raise Wrong(f"Field '{asked.name}' must have a selection of subfields")
    names = {one.name for one in asked.fields}
    if names <= {"nodes", "pageInfo"} and (found is None or isinstance(found, list)):
        if "first" not in arguments:
            raise Wrong(f"you must provide one of first or last to '{asked.name}'")
        page, info = _page(found or [], arguments)
        said: dict[str, Any] = {}
        for one in asked.fields:
            said[one.alias] = ([_object(node, one.fields, kind, schema, given, document) for node in page]
                               if one.name == "nodes" else {each.name: info[each.name] for each in one.fields})
        return said
    if isinstance(found, list):
        return [_object(one, asked.fields, kind, schema, given, document) for one in found]
    return None if found is None else _object(found, asked.fields, kind, schema, given, document)


def _object(found: Mapping[str, Any], fields: Sequence[Field], kind: str, schema: Schema, given: Mapping[str, Any],
            document: Document) -> dict[str, Any]:
    said = {}
    for one in fields:
        if one.name not in schema[kind]:
            raise Wrong(f"Field '{one.name}' doesn't exist on type '{kind}'")
        said[one.alias] = _shown(found.get(one.name), one, schema[kind][one.name], schema,
                                 _filled(one.arguments, given, document), given, document)
    return said


def _page(found: Sequence[Any], arguments: Mapping[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
    begin = int(arguments["after"]) if arguments.get("after") else 0
    end = begin + arguments["first"]
    return found[begin:end], {"hasNextPage": end < len(found), "endCursor": str(end) if found[begin:end] else None}


def _tokens(source: str) -> Iterator[str]:
    place = 0
    while place < len(source):
        found = _TOKEN.match(source, place)
        if found is None:
            raise Wrong(f"syntax error at {source[place:place + 10]!r}")
        place = found.end()
        if found.group(1):
            yield found.group(1)


# ------------------------------------------------------------------------- Shopify's language of searches

_TERM = re.compile(r"""\s*(?:(\(|\))|(AND|OR)\b|(\w+):(>=|<=|>|<)?(?:'([^']*)'|"([^"]*)"|([^\s()]+)))""")


def searched(query: str | None, value_of: Callable[[str], Any]) -> bool:
    """Whether something matches `query`; `value_of` gives its fields (None for those that it does not have)."""
    if not query:
        return True
    terms = [found.groups() for found in _TERM.finditer(query)]
    found, rest = _either(terms, value_of)
    if rest:
        raise Wrong("the search is not understood")
    return found


def _either(terms: list[Any], value_of: Callable[[str], Any]) -> tuple[bool, list[Any]]:
    found, terms = _both(terms, value_of)
    while terms and terms[0][1] == "OR":
        other, terms = _both(terms[1:], value_of)
        found = found or other
    return found, terms


def _both(terms: list[Any], value_of: Callable[[str], Any]) -> tuple[bool, list[Any]]:
    found, terms = _one(terms, value_of)
    while terms and terms[0][1] == "AND":
        other, terms = _one(terms[1:], value_of)
        found = found and other
    return found, terms


def _one(terms: list[Any], value_of: Callable[[str], Any]) -> tuple[bool, list[Any]]:
    bracket, _, name, sign, *spellings = terms[0]
    if bracket == "(":
        found, rest = _either(terms[1:], value_of)
        return found, rest[1:]
    wanted = next((one for one in spellings if one is not None), "")
    there = value_of(name)
    if there is None:
        return False, terms[1:]
    if sign == ">=":
        return str(there) >= wanted, terms[1:]
    return str(there).lower() == wanted.lower(), terms[1:]
