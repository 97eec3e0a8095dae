"""Filling a text with what we know of a person, so that no raw variable ever reaches a phone.

The language is a small part of Jinja2: variables and their fields, `or`, `if`, comparisons and the filters of
`FILTERS`. Everything else is refused when the text is saved, by a list of what is allowed, so that no text can read
more than it was given or cost more than its length.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from jinja2 import nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from core.domain.errors import BadInput, InvalidTemplate
from core.domain.text import spoken_time
from core.domain.text.links import Shortening, good_address
from core.domain.text.price import Money
from core.domain.text.segments import guilty, measure
from core.domain.text.transliteration import to_gsm7

SOURCE_LIMIT = 4_000
"""Characters of a template."""

OUTPUT_LIMIT = 2_000
"""Characters of a filled text: more than ten parts of a message."""


class MissingValue(BadInput):
    """A variable without a value, and without a fallback that its author declared."""

    def __init__(self, name: str) -> None:
        super().__init__("missing_value", name=name)
        self.name = name


class UnusableValue(BadInput):
    """A value that cannot be said: a moment without a zone, a list, a sum without a currency, a text without end."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What the phone shows; `changed` says whether the cheap spelling differs from what the author wrote."""

    text: str
    changed: bool


def render(source: str | Template, values: Mapping[str, Any], zone: ZoneInfo, language: str = "fr", *,
           cheap: bool = True) -> Rendered:
    """`source` filled with `values`, and respelled for GSM-7 where that is possible, unless `cheap` is off.

    Raises `InvalidTemplate`, `MissingValue` or `UnusableValue`.
    """
    template = source if isinstance(source, Template) else compile_template(source)
    text = template.fill(values, zone, language)
    if isinstance(values, Shortening) and values.everything:
        text = values.in_text(text)
    spelled = to_gsm7(text) if cheap else text
    return Rendered(spelled, spelled != text)


@lru_cache(maxsize=2048)
def compile_template(source: str) -> Template:
    """A text that can be filled. Raises `InvalidTemplate`, whose sentence says on which line, and what to write."""
    if len(source) > SOURCE_LIMIT:
        raise InvalidTemplate("template_too_long", limit=SOURCE_LIMIT)
    try:
        tree = _ENVIRONMENT.parse(_CONTROL.sub("", source))
        variables = _variables_of(tree)
        return Template(source, variables, _ENVIRONMENT.from_string(tree), _plain_parts(tree))
    except jinja2.TemplateSyntaxError as error:
        raise InvalidTemplate("template_syntax", line=error.lineno, detail=error.message or "") from error
    except RecursionError as error:
        raise InvalidTemplate("template_too_deep") from error


@dataclass(frozen=True, slots=True)
class Template:
    """Made by `compile_template`. `variables` are the names that it reads, without their fields."""

    source: str
    variables: frozenset[str]
    _compiled: jinja2.Template = field(repr=False, compare=False)
    _plain: tuple[tuple[bool, str], ...] | None = field(repr=False, compare=False, default=None)
    """(whether it is a variable, its name or the words), for a text that has nothing but these."""

    def fill(self, values: Mapping[str, Any], zone: ZoneInfo, language: str = "fr") -> str:
        """The text for one person. Moments (aware datetimes, or ISO 8601 with an offset) are told in `zone`.

        A missing or empty value raises `MissingValue` unless the template says what to write instead:
        `{{ first_name or "cher client" }}` or `{{ first_name | default("") }}`. Values are text, never template.
        """
        if self._plain is not None and type(values) is dict and (text := self._filled_plainly(values)) is not None:
            return text
        known: dict[str, Any] = {name: _cleaned(name, values.get(name)) for name in self.variables}
        short = values.short if isinstance(values, Shortening) else None
        known[_SPEAKER] = _Speaker(zone, spoken_time.language_of(language), short)
        pieces: list[str] = []
        length = 0
        try:
            for piece in self._compiled.root_render_func(self._compiled.new_context(known, shared=True)):
                pieces.append(piece)
                length += len(piece)
                if length > OUTPUT_LIMIT:
                    raise UnusableValue("text_too_long", limit=OUTPUT_LIMIT)
        except TypeError as error:              # "<" between a text and a number; nothing else here raises it
            raise UnusableValue("value_not_comparable", detail=str(error)) from error
        return _fitted(unicodedata.normalize("NFC", "".join(pieces))).strip()

    def _filled_plainly(self, values: Mapping[str, Any]) -> str | None:
        """Most texts are words and names, and most values plain words: those need no more than to be put together.
        None for whatever is not so plain, which is then done at length."""
        pieces = []
        for is_variable, piece in self._plain or ():
            if is_variable:
                value = values.get(piece)
                if type(value) is not str or len(value) > OUTPUT_LIMIT:
                    return None
                if not value.isascii() or not value.isprintable() or not value.strip():
                    return None
                pieces.append(value)
            else:
                pieces.append(piece)
        text = "".join(pieces)
        return unicodedata.normalize("NFC", text).strip() if len(text) <= OUTPUT_LIMIT else None


def _plain_parts(tree: nodes.Template) -> tuple[tuple[bool, str], ...] | None:
    parts: list[tuple[bool, str]] = []
    for output in tree.body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            match node:
                case nodes.TemplateData(data=words):
                    parts.append((False, words))
                case nodes.Name(name=name):
                    parts.append((True, name))
                case _:
                    return None
    return tuple(parts)


# What may be written

_DEPTH_LIMIT = 24
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.If,
    nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Const,
)
_WRITTEN: Mapping[type[nodes.Node], str] = MappingProxyType({
    nodes.Add: "+", nodes.Sub: "-", nodes.Mul: "*", nodes.Div: "/", nodes.FloorDiv: "//", nodes.Mod: "%",
    nodes.Pow: "**", nodes.Concat: "~", nodes.Neg: "-", nodes.Pos: "+", nodes.Call: "(…)", nodes.List: "[…]",
    nodes.Tuple: "(…, …)", nodes.Dict: "{…}", nodes.Slice: "[… : …]", nodes.Assign: "set", nodes.AssignBlock: "set",
    nodes.Test: "is", nodes.FromImport: "import", nodes.FilterBlock: "filter", nodes.CallBlock: "call",
})
_RESERVED = frozenset({"self", "super"})
_SPEAKER = "_speaker"
_MARKS = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")

# Line ends and the form feed are characters of the GSM-7 alphabet; a lone surrogate can be neither stored nor sent.
# The marks that turn the direction of writing can make a link look like another.
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ue000\ue001]")
_BREAKS = re.compile("[\\s\x85\u2028\u2029]*[\n\r\f\t\x85\u2028\u2029][\\s\x85\u2028\u2029]*")


def _variables_of(tree: nodes.Template) -> frozenset[str]:
    """The names that an allowed tree reads. Raises `InvalidTemplate` at the first thing that is not allowed."""
    names: set[str] = set()
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > _DEPTH_LIMIT:
            raise InvalidTemplate("template_too_deep", line=node.lineno)
        if type(node) not in _ALLOWED:
            raise _forbidden(node, _WRITTEN.get(type(node), type(node).__name__.lower()))
        match node:
            case nodes.Name(name=name):
                if name.startswith("_") or name in _RESERVED:
                    raise _forbidden(node, name)
                names.add(name)
            case nodes.Getattr(attr=attribute) if attribute.startswith("_"):
                raise _forbidden(node, attribute)
            case nodes.Getitem(arg=argument):
                key = argument.value if isinstance(argument, nodes.Const) else None
                if not isinstance(key, str) or key.startswith("_"):
                    raise _forbidden(node, "[…]")
            case nodes.TemplateData(data=text) | nodes.Const(value=str(text)):
                # A brace too many, or {% raw %}: the phone would show it.
                if marks := _MARKS.search(text):
                    raise InvalidTemplate("template_stray_mark", line=node.lineno, mark=marks.group())
                if _CONTROL.search(text):
                    raise _forbidden(node, "control character")
            case nodes.Operand(op="in" | "notin" as operator):
                raise _forbidden(node, operator)
            case nodes.CondExpr(expr2=None):
                raise _forbidden(node, "if … without else")
            case nodes.Filter():
                _check_filter(node)
        waiting.extend((child, depth + 1) for child in node.iter_child_nodes())
    return frozenset(names)


def _check_filter(node: nodes.Filter) -> None:
    if node.name not in FILTERS:
        raise InvalidTemplate("template_unknown_filter", line=node.lineno, filter=node.name, known=", ".join(FILTERS))
    wanted = 1 if node.name in {"default", "truncate"} else 0
    wrong = len(node.args) != wanted or node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None
    if node.name == "truncate" and not wrong:
        length = node.args[0].value if isinstance(node.args[0], nodes.Const) else None
        wrong = type(length) is not int or not 1 <= length <= OUTPUT_LIMIT
    if wrong:
        raise InvalidTemplate("template_filter_arguments", line=node.lineno, filter=node.name)


def _forbidden(node: nodes.Node, what: str) -> InvalidTemplate:
    return InvalidTemplate("template_forbidden", line=node.lineno, what=what)


# What a value may be

@dataclass(frozen=True, slots=True)
class _Speaker:
    zone: ZoneInfo
    language: str
    short: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class _Group:
    """A value with fields, of which only the fields can be said (and a sum of money)."""

    name: str
    fields: Mapping[str, Any]


class _Missing:
    """Stands for a value that we do not have: false, equal to nothing but the empty text, and never said."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Missing) or other is None or other == ""

    def __hash__(self) -> int:
        return hash("")

    def _refuse(self, other: object) -> bool:
        raise MissingValue(self.name)

    __lt__ = __le__ = __gt__ = __ge__ = _refuse


def _cleaned(name: str, value: Any) -> Any:
    """`value` as the template may see it: on one line, composed (NFC), without control characters, or missing."""
    if isinstance(value, str):
        # What is longer than a whole message can only be cut or refused: no need to look at all of it.
        text = _CONTROL.sub("", _BREAKS.sub(" ", unicodedata.normalize("NFC", value[:OUTPUT_LIMIT + 1])))
        return text if text.strip() else _Missing(name)
    if isinstance(value, datetime) and value.tzinfo is None:
        raise UnusableValue("value_naive_moment", name=name)
    if isinstance(value, Mapping):
        return _Group(name, value) if value else _Missing(name)
    return _Missing(name) if value is None else value


def _said(context: Context, value: Any) -> str:
    """How a value reads in a message. What has no such reading is an error, never its Python spelling."""
    speaker: _Speaker = context[_SPEAKER]
    match value:
        case str():
            return value
        case _Missing():
            raise MissingValue(value.name)
        case bool():
            pass
        case int() if value.bit_length() <= 64:
            return str(value)
        case float() if math.isfinite(value) and abs(value) < 1e15:
            return _with_comma(format(Decimal(str(value)), "f"), speaker.language)
        case Decimal() if value.is_finite() and abs(value.adjusted()) < 15:
            return _with_comma(format(value, "f"), speaker.language)
        case datetime():
            return spoken_time.moment_in_words(_moment(speaker, value), speaker.language)
        case date():
            return spoken_time.long_date(value, speaker.language)
        case Money() | _Group():
            return _amount(speaker, value, "value_not_text")
    raise UnusableValue("value_not_text", text=_glimpse(value))


def _with_comma(number: str, language: str) -> str:
    return number if language == "en" else number.replace(".", ",")


def _moment(speaker: _Speaker, value: Any) -> datetime:
    """The instant, on the clock of the speaker's zone."""
    if isinstance(value, str) and _ISO_MOMENT.match(value):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise UnusableValue("value_not_moment", text=_glimpse(value)) from None
    if not isinstance(value, datetime):
        raise UnusableValue("value_not_moment", text=_glimpse(value))
    if value.tzinfo is None:
        raise UnusableValue("value_naive_moment", name=value.isoformat())
    try:
        return value.astimezone(speaker.zone)
    except OverflowError:
        raise UnusableValue("value_not_moment", text=_glimpse(value)) from None


def _day(speaker: _Speaker, value: Any) -> date:
    """A calendar day is the same day everywhere; an instant has a day in the speaker's zone."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and _ISO_DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise UnusableValue("value_not_moment", text=_glimpse(value)) from None
    return _moment(speaker, value).date()


def _amount(speaker: _Speaker, value: Any, refusal: str) -> str:
    match value:
        case Money():
            return value.spoken(speaker.language)
        case _Group(fields={"amount": int(amount), "currency": str(currency)}) if (
                type(amount) is int and amount.bit_length() <= 64 and _CURRENCY.fullmatch(currency)):
            return Money(amount, currency).spoken(speaker.language)
    raise UnusableValue(refusal, text=value.name if isinstance(value, _Group) else _glimpse(value))


_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ISO_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", re.ASCII)


def _glimpse(value: Any) -> str:
    return value[:40] if isinstance(value, str) else type(value).__name__.strip("_").lower()


# The filters: each lets a missing value pass, so that a fallback may also stand after it

def _of_day(say: Callable[[date, str], str]) -> Callable[[Context, Any], Any]:
    @pass_context
    def said(context: Context, value: Any) -> Any:
        speaker: _Speaker = context[_SPEAKER]
        return value if isinstance(value, _Missing) else say(_day(speaker, value), speaker.language)
    return said


def _of_text(say: Callable[..., str]) -> Callable[..., Any]:
    @pass_context
    def said(context: Context, value: Any, *arguments: Any) -> Any:
        return value if isinstance(value, _Missing) else say(_said(context, value), *arguments)
    return said


@pass_context
def _time(context: Context, value: Any) -> Any:
    speaker: _Speaker = context[_SPEAKER]
    return value if isinstance(value, _Missing) else spoken_time.hour(_moment(speaker, value), speaker.language)


@pass_context
def _money(context: Context, value: Any) -> Any:
    """Takes a `Money` or its JSON: `{"amount": 49900000, "currency": "EUR"}`."""
    return value if isinstance(value, _Missing) else _amount(context[_SPEAKER], value, "value_not_money")


@pass_context
def _short(context: Context, value: Any) -> Any:
    """An address as a short link; where none can be made (an example), as it is."""
    if isinstance(value, _Missing):
        return value
    said = _said(context, value)
    if not good_address(said):
        raise UnusableValue("value_not_address", text=_glimpse(said))
    speaker: _Speaker = context[_SPEAKER]
    return speaker.short(said) if speaker.short else said


def _default(value: Any, fallback: Any) -> Any:
    return fallback if isinstance(value, _Missing) else value


def _truncate(text: str, length: int) -> str:
    """At most `length` characters, dots included."""
    if len(text) <= length:
        return text
    return text[:length - 3].rstrip() + "..." if length > 3 else text[:length]


def _capitalize(text: str) -> str:
    """Only the first letter: a name in capitals, or with several of them, is spelled as its owner wants."""
    return text[:1].upper() + text[1:]


# Around what may be shortened, until the whole text is known. No value and no template can hold them.
_FITS, _END = "\ue000", "\ue001"
_FITTING = re.compile(f"{_FITS}([^{_FITS}{_END}]*){_END}")
_ROOM = {"GSM-7": 160, "UCS-2": 70}
_STOP_MENTION = 14
"""Units that a provider may add to a commercial text (" STOP au 36180")."""
_LEAST_FITTED = 8


def _fitted(text: str) -> str:
    """`text` in one part, if shortening what `|fit` marks can do that; the first mark gives way before the others."""
    while (found := _FITTING.search(text)) is not None:
        before, words, after = text[:found.start()], found[1], text[found.end():]
        rest = _FITTING.sub(r"\1", after)
        if guilty(to_gsm7(words)) and not guilty(to_gsm7(before + rest)):
            # One odd sign in a product's name would make the whole message dear.
            plain = "".join(c for c in words if not guilty(to_gsm7(c))).strip()
            words = " ".join(plain.split()) if len(plain) >= _LEAST_FITTED or 2 * len(plain) >= len(words) else words
        for length in (None, *range(len(words) - 1, _LEAST_FITTED - 1, -1)):
            shown = words if length is None else _cut_at_word(words, length)
            whole = measure(to_gsm7(before + shown + rest))
            if whole.units <= _ROOM[whole.encoding] - _STOP_MENTION:
                break
        else:
            # No shortening makes it one part: then nothing is gained by it.
            shown = words
        text = before + shown + after
    return text


def _cut_at_word(text: str, length: int) -> str:
    """At most `length` characters, dots included, cut between words where one is not too long for that."""
    kept = text[:length - 3]
    if not text[length - 3:length - 2].isspace() and (space := kept.rfind(" ")) >= _LEAST_FITTED - 3:
        kept = kept[:space]
    return kept.rstrip(" ,;:-") + "..."


FILTERS: Mapping[str, Callable[..., Any]] = MappingProxyType({
    "date": _of_day(spoken_time.long_date),                         # lundi 26 octobre
    "short_date": _of_day(spoken_time.short_date),                  # 26/10
    "weekday": _of_day(spoken_time.weekday),                        # lundi
    "year": _of_day(lambda day, language: str(day.year)),           # 2026
    "time": _time,                                                  # 9h00
    "money": _money,                                                # 49,90 €
    "short": _short,                                                # https://example.org/s/3kTMd0QzE1b
    "default": _default,
    "truncate": _of_text(_truncate),
    "fit": _of_text(lambda text: f"{_FITS}{text}{_END}"),           # as much of it as fits into one part
    "upper": _of_text(str.upper),
    "lower": _of_text(str.lower),
    "capitalize": _of_text(_capitalize),
})
"""What may stand behind `|`."""


class _Texts(ImmutableSandboxedEnvironment):
    """Reads fields of given values and nothing else: no attribute of a Python object is within reach."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        match obj:
            case _Missing(name=name):
                return _Missing(f"{name}.{argument}")
            case _Group(name=name, fields=fields):
                return _cleaned(f"{name}.{argument}", fields.get(argument))
        raise UnusableValue("value_has_no_fields", text=_glimpse(obj), field=str(argument))


# Constants are not folded: what a template costs is paid, and bounded, when it is filled.
_ENVIRONMENT = _Texts(autoescape=False, optimized=False, finalize=pass_context(_said), cache_size=0)
_ENVIRONMENT.filters = dict(FILTERS)
_ENVIRONMENT.globals.clear()
_ENVIRONMENT.tests.clear()
