"""Relancer les paniers abandonnés: consent first, then the recipe, then the last thirty days replayed, then in service.

For every connection whose platform tells of carts; which platform it is, is nobody's business here.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.contract import Adapter, LooksAgain, NamesCodes, Rewards, ShowsBox
from core.domain import carts as domain
from core.domain.discounts import Discount
from core.domain.errors import BadInput, InvalidNumber, NotFound
from core.domain.events import Kind
from core.domain.messages import Channel, MessageClass
from core.domain.policy.countries import rules_for
from core.domain.policy.week import Hours, Windows, overlap
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from core.domain.text.price import Money
from core.engine import capping, presets, recipes, replaying, switching, trying
from core.engine.recipes import LEAST_PERCENT, MOST_CODE_DAYS, MOST_PERCENT, Recipe, Step
from core.engine.scheduling import Difference
from core.storage import installations
from core.storage import shops as stored
from core.storage.database import Transaction
from core.web.app import current_suite
from core.web.console import asked
from core.web.console.connecting import said_by
from core.web.console.drafting import sample
from core.web.console.rules import preview
from core.web.console.session import flash, may, page
from core.web.console.words import catalogue, sentence, t, tn

bp = Blueprint("shops", __name__, url_prefix="/shops")
DAYS = 30
SHOWN = 30
MILLION = 1_000_000
WAITS = (30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1080, 1440)
SECOND_WAITS = (180, 360, 720, 1080, 1440, 2160, 2880, 4320)
LEASTS = (0, 10, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500)
SHARES = (0, 5, 10, 15, 20, 30, 40, 50)
WEEKS = (1, 2, 3, 4, 5, 7)
PERCENTS = range(LEAST_PERCENT, MOST_PERCENT + 1, 5)
CODE_DAYS = range(1, MOST_CODE_DAYS + 1)
PERCENT, DAYS_GOOD = 10, 7
"""A discount as it is proposed."""
FIGURES = ("carts", "reachable", "would_have_left", "ordered_before", "emptied_before", "left_out", "moved")


@dataclass(frozen=True, slots=True)
class Place:
    """The connection that a page is about. `orders`, `carts`, `forms`: what its platform tells of."""

    id: str
    row: installations.Row
    adapter: Adapter
    platform: str

    @property
    def carts(self) -> bool:
        return Kind.CART in self.adapter.manifest.kinds

    @property
    def orders(self) -> bool:
        return Kind.ORDER in self.adapter.manifest.kinds

    @property
    def forms(self) -> bool:
        return Kind.FORM in self.adapter.manifest.kinds


def place(installation: str, *kinds: Kind) -> Place:
    """The connection of that id, which must tell of one of `kinds`. Raises `NotFound`."""
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        row = installations.get(tx, suite.vault, installation[:40], suite.public_url)
    adapter = suite.adapters.get(row.installation.adapter) if row is not None else None
    if row is None or adapter is None or row.state == "disconnected" or not adapter.manifest.kinds & set(kinds):
        raise NotFound("installation")
    return Place(row.installation.id, row, adapter, adapter.manifest.name)


def in_order(here: Place, found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rules in the order in which their platform offers them, those that people added last."""
    offered = [one["key"] for one in presets.of(here.adapter)]
    return sorted(found, key=lambda one: offered.index(one["preset"]) if one["preset"] in offered else len(offered))


def shown(name: str, here: Place, *, status: int = 200, **values: Any) -> ResponseReturnValue:
    """A page about a shop or site."""
    return make_response(render_template(f"{name}.html", here=here, row=here.row, **values), status)


@bp.app_template_filter("person")
def person(values: Mapping[str, Any]) -> str:
    """What people call the person of a cart or an order."""
    found = (values.get(name) for name in ("name", "first_name"))
    return next((one.strip() for one in found if isinstance(one, str) and one.strip()), t("shops.nobody"))


@bp.app_template_filter("total")
def total(values: Mapping[str, Any]) -> str:
    """Its total, as people write it; empty where the shop tells none."""
    sum_of = domain.total_of(values)
    return Money(*sum_of).spoken(g.language).replace(" ", "\u00a0") if sum_of else ""


@bp.app_template_filter("amounts")
def amounts(sums: Mapping[str, int]) -> str:
    """Sums of several currencies in one line."""
    said = [Money(amount, currency).spoken(g.language) for currency, amount in sorted(sums.items()) if amount]
    return ", ".join(said).replace(" ", "\u00a0")


@bp.app_template_filter("why_words")
def why_words(reason: Reason) -> str:
    """A reason that many carts share: without what belongs to one of them alone."""
    key = f"shops.why.{reason.code}"
    return t(key) if key in catalogue() else sentence(reason)


# ---------------------------------------------------------------------------------------------- 1: consent first


@dataclass(frozen=True, slots=True)
class Proof:
    """A sentence that people agreed to, where, how often of the last ones, and when last."""

    text: str
    place: str
    count: int
    last: datetime


@bp.get("/<installation>/consent")
@page()
def consent(installation: str) -> ResponseReturnValue:
    """How the box looks, the sentence that is kept, and who can be reached today."""
    here = place(installation, Kind.CART)
    with current_suite().database.read(g.person.workspace) as tx:
        reach = stored.reach(tx, here.id)
        kept = proofs(stored.proofs(tx, here.id))
    box = here.adapter.box if isinstance(here.adapter, ShowsBox) else None
    words = {name: said_by(getattr(box, name)) for name in ("sentence", "place", "how")} if box else {}
    sentence = kept[0].text if kept else words.get("sentence", "")
    return shown("shop_consent", here, reach=reach, proofs=kept, box=words, sentence=sentence)


def proofs(rows: Iterable[Mapping[str, Any]]) -> list[Proof]:
    """The sentences of these consents, the commonest first."""
    counts: Counter[tuple[str, str]] = Counter()
    last: dict[tuple[str, str], datetime] = {}
    for row in rows:
        key = (str(row["proof"].get("text") or "")[:500], str(row["proof"].get("place") or "")[:500])
        counts[key] += 1
        last[key] = max(row["at"], last.get(key, row["at"]))
    # Some platforms keep only the name of the box: that is no sentence that a person read.
    spoken = [(key, count) for key, count in counts.most_common(20) if " " in key[0]]
    return [Proof(*key, count, last[key]) for key, count in spoken[:3]]


# ---------------------------------------------------------------------------------------------- 2: the recipe


@bp.route("/<installation>/recipe", methods=["GET", "POST"])
@page()
def recipe(installation: str) -> ResponseReturnValue:
    """When, with what words, how often, to whom not. A live shop's is shown with its difference before it is saved."""
    here, suite = place(installation, Kind.CART), current_suite()
    now, workspace = suite.now(), g.person.workspace
    with suite.database.read(workspace) as tx:
        known = recipes.read(tx, here.row)
        currency = (stored.currencies(tx, here.id, now - timedelta(days=90)) or ["EUR"])[0]
    if request.method == "GET":
        return _recipe(here, _proposed(known), currency, {})
    wanted = read_form(request.form, known, known.least.currency if known.least else currency,
                       makes_codes=isinstance(here.adapter, Rewards))  # fmt: skip
    unpromised = {} if isinstance(here.adapter, NamesCodes) else recipes.unpromised(wanted)
    wrong = {name: error.reason for name, error in (recipes.checked(wanted) | unpromised).items()}
    if wrong or "look" in request.form:
        return _recipe(here, wanted, currency, wrong)
    if here.row.mode == "live" and request.form.get("confirm") != "1":
        with suite.database.read(workspace) as tx:
            found = recipes.difference(tx, here.row, wanted, now)
        if found.new or found.moved or found.cancelled:
            return _confirm(here, found, f"/shops/{here.id}/recipe")
    with suite.database.write(workspace) as tx:
        recipes.save(tx, here.row, wanted, now, g.person.id)
    _week(request.form.get("week", ""))
    suite.wake()
    flash("good", "shops.recipe.saved" if wanted.on else "shops.recipe.is_off")
    return redirect(f"/shops/{here.id}" if here.row.mode == "live" else f"/shops/{here.id}/replay", 303)


def _proposed(known: Recipe) -> Recipe:
    """Nothing was chosen yet: one message, which is what most shops want."""
    return known if known.on or known.second.on else replace(known, first=replace(known.first, on=True))


def read_form(form: Mapping[str, str], known: Recipe, currency: str, *, makes_codes: bool = False) -> Recipe:
    """The recipe as the form says it; what is no number stays as it was. No discount where the shop makes no codes."""

    def number(name: str, before: int) -> int:
        given = form.get(name, "").strip()
        return int(given) if given.isascii() and given.isdecimal() and len(given) < 7 else before

    def words(name: str) -> str:
        return form.get(name, "").replace("\r\n", "\n").strip()[:1600]

    def discount(prefix: str, step: Step) -> Discount | None:
        if not makes_codes:
            return None
        chosen = form.get(f"{prefix}discount")
        if chosen in (None, "kept"):
            return step.discount if chosen is None else step.kept
        if chosen != "percent":
            return None
        percent, days = _proposed_discount(step)
        return Discount(number(f"{prefix}code_days", days), number(f"{prefix}percent", percent))

    least = number("least", 0)
    return replace(
        known,
        first=replace(
            known.first, wait=number("wait", known.first.wait), body=words("body"), on="on" in form,
            discount=discount("", known.first),
        ),
        second=replace(
            known.second, wait=number("second_wait", known.second.wait), body=words("second_body"),
            on="second" in form, discount=discount("second_", known.second),
        ),
        least=Money(least * MILLION, currency) if least else None,
        control=number("control", known.control),
    )  # fmt: skip


def _proposed_discount(step: Step) -> tuple[int, int]:
    """(percent, days) as the page shows them, whether they are chosen or not."""
    said = step.discount if step.discount is not None and step.discount != step.kept else None
    return (said.percent or PERCENT, said.days) if said is not None else (PERCENT, DAYS_GOOD)


def _week(given: str) -> None:
    """How often one person hears from the workspace in a week: of all its recipes together, so for whoever may."""
    known = {"day": 0, "week": 0, **(g.workspace["settings"]["frequency"] or {})}
    if may("admin") and given.isdecimal() and int(given[:3]) != known["week"]:
        capping.frequency(
            current_suite(), g.person.workspace, day=known["day"] or 0, week=int(given[:3]), who=g.person.id
        )


def _recipe(here: Place, wanted: Recipe, currency: str, wrong: Mapping[str, Reason]) -> ResponseReturnValue:
    suite = current_suite()
    with suite.database.read(g.person.workspace) as tx:
        seen = _newest_cart(tx, here)
    names_codes = here.adapter if isinstance(here.adapter, NamesCodes) else None
    least = wanted.least.amount // MILLION if wanted.least else 0
    money = wanted.least.currency if wanted.least else currency
    frequency = (g.workspace["settings"]["frequency"] or {}).get("week") or 0
    return shown(
        "shop_recipe", here, status=422 if wrong else 200, recipe=wanted, wrong=wrong, currency=money,
        waits=_choices(WAITS, wanted.first.wait, _span),
        second_waits=_choices(SECOND_WAITS, wanted.second.wait, _span),
        leasts=_choices(LEASTS, least, lambda one: _least(one, money)), least=least,
        shares=_choices(SHARES, wanted.control, _share),
        weeks=[*_choices(WEEKS, frequency or 3, lambda one: tn("shops.recipe.week", one)),
               (0, t("shops.recipe.week_free"))],
        frequency=frequency, hours=quiet_hours(here.row.installation.country, suite.now()),
        draft=preview(wanted.first.body, "marketing", seen),
        second_draft=preview(wanted.second.body, "marketing", seen),
        codes=said_by(names_codes.codes) if names_codes else "",
        discounts={"": _discount(wanted.first), "second_": _discount(wanted.second)}
        if isinstance(here.adapter, Rewards) else {},
        looks_again=isinstance(here.adapter, LooksAgain) and Kind.CART in here.adapter.looks_again_at,
        useful=recipes.USEFUL // timedelta(days=1), once=secrets.token_hex(8),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Offered:
    """What the page offers as a message's discount. `kept`: the words of one that was made elsewhere."""

    chosen: str
    percent: int
    percents: Sequence[tuple[int, str]]
    days: int
    spans: Sequence[tuple[int, str]]
    kept: str


def _discount(step: Step) -> Offered:
    percent, days = _proposed_discount(step)
    chosen = "none" if step.discount is None else "kept" if step.discount == step.kept else "percent"
    kept = ""
    if step.kept is not None:
        off = step.kept.amount
        kept = t("shops.discount.kept", off=off.spoken(g.language).replace(" ", "\u00a0") if off is not None
                 else t("shops.recipe.percent", count=step.kept.percent or 0),
                 days=tn("when.days", step.kept.days))  # fmt: skip
    return Offered(
        chosen, percent, _choices(PERCENTS, percent, lambda one: t("shops.recipe.percent", count=one)),
        days, _choices(CODE_DAYS, days, lambda one: tn("when.days", one)), kept,
    )  # fmt: skip


def _newest_cart(tx: Transaction, here: Place) -> Mapping[str, Any]:
    """The values of a real cart, so that the picture shows a text that would truly leave."""
    now = current_suite().now()
    for one in stored.newest(tx, here.id, [Kind.CART], now - timedelta(days=90), 5):
        if one.recipient is not None and one.values.get("items"):
            return domain.spoken(one.values)
    return {}


def _choices(offered: Sequence[int], chosen: int, words: Any) -> list[tuple[int, str]]:
    return [(one, words(one)) for one in sorted({*offered, chosen})]


def _span(minutes: int) -> str:
    """30 min, 1 h, 1 h 30, 2 days."""
    if minutes < 60:
        return t("shops.span.minutes", count=minutes)
    if minutes % 1440 == 0 and minutes > 1440:
        return tn("when.days", minutes // 1440)
    hours, rest = divmod(minutes, 60)
    return t("shops.span.hours_minutes", hours=hours, minutes=rest) if rest else t("shops.span.hours", count=hours)


bp.add_app_template_filter(_span, "span")


def _least(amount: int, currency: str) -> str:
    if not amount:
        return t("shops.recipe.any_amount")
    return Money(amount * MILLION, currency).spoken(g.language).replace(" ", "\u00a0")


def _share(percent: int) -> str:
    return t("shops.recipe.no_control") if not percent else t("shops.recipe.percent", count=percent)


# ---------------------------------------------------------------------------------------------- switches


def switched(
    here: Place,
    kinds: Sequence[Kind],
    path: str,
    done: str,
    again: Callable[[Place, Mapping[str, Reason], Mapping[str, str]], ResponseReturnValue],
) -> ResponseReturnValue:
    """Saves the rules of these kinds as the form's switches and texts say; of a live connection after its difference
    was seen. `again` is the page with what is wrong."""
    suite, workspace, form = current_suite(), g.person.workspace, request.form
    bodies = {name.removeprefix("body-"): value.replace("\r\n", "\n")[:1600] for name, value in form.items()
              if name.startswith("body-")}  # fmt: skip
    on, now = set(form.getlist("on")), suite.now()
    found: Difference | None = None
    with suite.database.read(workspace) as tx:
        wrong = recipes.unfit(recipes.of_kinds(tx, here.id, kinds), bodies)
        if not wrong and here.row.mode == "live" and form.get("confirm") != "1":
            found = recipes.switch_difference(tx, here.id, kinds, on, bodies, now)
    if wrong or "look" in form:
        return again(here, {name: error.reason for name, error in wrong.items()}, bodies)
    if found is not None and (found.new or found.moved or found.cancelled):
        return _confirm(here, found, path)
    with suite.database.write(workspace) as tx:
        recipes.switch(tx, here.id, kinds, on, bodies, now, g.person.id)
    suite.wake()
    flash("good", done)
    return redirect(path, 303)


def _confirm(here: Place, found: Difference, path: str) -> ResponseReturnValue:
    fields = [(name, value) for name, value in request.form.items(multi=True) if name not in ("csrf", "confirm")]
    return shown("shop_confirm", here, found=found, fields=fields, path=path)


# ---------------------------------------------------------------------------------------------- quiet hours


@dataclass(frozen=True, slots=True)
class OpenDays:
    """Days with the same hours: their words, and the open hours of each as the picture draws them (0 to 24)."""

    words: str
    hours: str
    windows: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When nudges may leave: by the country's rules and the workspace's own hours. `holidays`: not on those."""

    country: str
    days: tuple[OpenDays, ...]
    holidays: bool
    own: bool


def quiet_hours(country: str, now: datetime) -> QuietHours:
    """Of the numbers of `country`; other countries have their own."""
    settings = g.workspace["settings"]
    found = rules_for(country, Channel.SMS, MessageClass.MARKETING, now.date(), widened=settings["widened"])
    week: list[Windows] = [((0, 1440),)] * 7
    for rule in found:
        week = [overlap(mine, theirs) for mine, theirs in zip(week, rule.windows, strict=True)]
    own = Hours.read(settings["hours"]).windows if settings["hours"] else None
    if own is not None:
        week = [overlap(mine, theirs) for mine, theirs in zip(week, own, strict=True)]
    days: list[OpenDays] = []
    first = 0
    for day in range(1, 8):
        if day == 7 or week[day] != week[first]:
            days.append(_open_days(first, day - 1, week[first]))
            first = day
    return QuietHours(country, tuple(days), any(rule.holidays_blocked for rule in found), own is not None)


def _open_days(first: int, last: int, windows: Windows) -> OpenDays:
    names = [t(f"when.weekday.{day}") for day in (first, last)]
    words = names[0] if first == last else t("shops.hours.days", first=names[0], last=names[1])
    spoken = [t("shops.hours.from_to", start=_clock(start), end=_clock(end)) for start, end in windows]
    drawn = tuple((start / 60, (end - start) / 60) for start, end in windows)
    words = words[:1].upper() + words[1:]
    return OpenDays(words, t("shops.hours.and").join(spoken) or t("shops.hours.closed"), drawn)


def _clock(minute: int) -> str:
    hour, rest = divmod(minute, 60)
    if not rest:
        return t("shops.hours.clock", hour=hour)
    return t("shops.hours.clock_minutes", hour=hour, minute=f"{rest:02d}")


# ---------------------------------------------------------------------------------------------- a trial


@bp.post("/<installation>/trial")
@page()
def trial(installation: str) -> ResponseReturnValue:
    """The message to the phone of the person who tries it, with the values of the newest cart."""
    here, suite = place(installation, Kind.CART), current_suite()
    with suite.database.read(g.person.workspace) as tx:
        body = recipes.read(tx, here.row).first.body
        seen = _newest_cart(tx, here)
    return tried(here, body, seen, f"/shops/{here.id}/recipe")


def tried(here: Place, body: str, values: Mapping[str, Any], back: str) -> ResponseReturnValue:
    """Sends `body` to the number of the form, once, and comes back."""
    suite, given = current_suite(), request.form.get("number", "").strip()[:40]
    settings = g.workspace["settings"]
    try:
        recipient = Recipient.parse(given, settings["country"])
        filled = {**sample(suite.now(), asked.here(), settings["language"]), **values}
        one = trying.Try(here.id, recipient, body, None, filled)
        sent = trying.send(suite, g.person.workspace, one, request.form.get("once", "")[:40], who=g.person.id)
    except (BadInput, InvalidNumber) as error:
        flash("bad", "shops.trial.wrong", why=sentence(error.reason))
        return redirect(back, 303)
    flash("good", "shops.trial.sent")
    return redirect(f"/messages/{sent}", 303)


# ---------------------------------------------------------------------------------------------- 3: replayed


@bp.route("/<installation>/replay", methods=["GET", "POST"])
@page(writes="admin")
def replay(installation: str) -> ResponseReturnValue:
    """What the recipe would have done with the last thirty days; then in service."""
    here, suite = place(installation, Kind.CART), current_suite()
    if request.method == "POST":
        switching.go_live(suite, g.person.workspace, here.id, who=g.person.id)
        flash("good", "shops.replay.is_live")
        return redirect(f"/shops/{here.id}", 303)
    with suite.database.read(g.person.workspace) as tx:
        done = replaying.replay(tx, here.id, suite.now(), DAYS)
        known = recipes.read(tx, here.row)
    past = done.past
    codes = Counter(code for one in past.told if not one.sends for code in {reason.code for reason in one.reasons})
    show = request.args.get("show", "would_have_left")
    show = show if show in FIGURES or show in codes else "would_have_left"
    found = past.of(show)
    if show in codes and show not in FIGURES:
        found = [one for one in found if not one.sends]
    reasons = {reason.code: reason for one in past.told for reason in one.reasons}
    return shown(
        "shop_replay", here, done=done, past=past, counts={name: len(past.of(name)) for name in FIGURES},
        show=show, listed=list(reversed(found))[:SHOWN], found=len(found), recipe=known,
        why=[(code, count, reasons[code]) for code, count in codes.most_common()], days=DAYS,
    )  # fmt: skip
