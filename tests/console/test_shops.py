"""Journey (d) without a browser: consent, recipe, replay, board, orders, health; who may, and what a stranger sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import event

from core.contract import Configured
from core.storage import house, installations, rules
from tests.support.console import Visitor
from tests.support.running import Running
from tests.support.shop import ANA, BOB, CONSENT, Shop

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BROWSER = {"User-Agent": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/126.0 Mobile"}
RECIPE = {"on": "1", "wait": "60", "body": "{{ first_name or 'Bonjour' }}, votre panier : {{ link }}",
          "second_wait": "1440", "second_body": "Toujours là : {{ link }}", "least": "0", "control": "0",
          "week": "3"}  # fmt: skip


@pytest.fixture
def relance(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path) as running:
        yield running


@pytest.fixture
def shop(relance: Running) -> Shop:
    return Shop(relance, live=False)


@pytest.fixture
def owner(relance: Running) -> Visitor:
    return Visitor(relance)


def row(shop: Shop) -> installations.Row:
    suite = shop.relance.suite
    with suite.database.read(shop.relance.workspace) as tx:
        found = installations.get(tx, suite.vault, shop.id, suite.public_url)
    assert found is not None
    return found


def cart_rules(shop: Shop) -> list[Any]:
    with shop.relance.suite.database.read(shop.relance.workspace) as tx:
        return [one for one in rules.rows(tx, installation=shop.id) if one["on"] == "cart"]


def plain(page: str) -> str:
    """The words of a page, its tags and special spaces aside."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.replace("\u00a0", " ").replace("\u202f", " ")))


def carts_on(page: str) -> int:
    return len(re.findall(r'href="/shops/ins_\w+/carts/', page))


# ---------------------------------------------------------------------------------------------- consent


def test_consent_shows_the_box_the_sentence_that_is_kept_and_who_can_be_reached(shop: Shop, owner: Visitor) -> None:
    page = owner.get(f"/shops/{shop.id}/consent")
    assert "Aucun accord n’est encore arrivé" in page
    assert "Je peux arrêter à tout moment en répondant STOP" in plain(page), "the platform's own proposal"

    shop.cart("1")
    shop.cart("2", phone=BOB, consent=False, customer={"email": "bob@example.org"})
    page = owner.get(f"/shops/{shop.id}/consent")

    assert CONSENT["text"].replace("'", "&#39;") in page
    assert CONSENT["place"] in page
    figures = re.findall(r"<strong>(\d+)</strong><span>([^<]+)", page)
    assert figures == [("1", "personne joignable aujourd’hui"), ("1", "numéro connu, sans accord"),
                       ("0", "refus, respecté partout")]  # fmt: skip
    assert 'type="checkbox"' not in page, "a box that could be ticked beforehand is not even drawn as one"


def test_a_platform_without_a_box_says_where_else_consent_may_come_from(relance: Running, owner: Visitor) -> None:
    suite = relance.suite
    with suite.database.write(relance.workspace) as tx:
        made = installations.add(tx, suite.vault, "prestashop", "Boutique", Configured({}, {}), suite.now(),
                                 zone="Europe/Paris", country="FR", pulls=False)  # fmt: skip

    page = owner.get(f"/shops/{made}/consent")

    assert "Cette boutique ne nous transmet pas d’accord" in page
    assert "checkout-box" not in page
    for path in ("", "/recipe", "/replay", "/orders", "/health"):
        owner.get(f"/shops/{made}{path}")


# ---------------------------------------------------------------------------------------------- recipe


def test_the_recipe_becomes_rules_and_leads_to_the_replay(shop: Shop, owner: Visitor) -> None:
    wanted = {**RECIPE, "wait": "90", "least": "30", "control": "20", "second": "1", "week": "2"}
    answer = owner.post(f"/shops/{shop.id}/recipe", follow=False, **wanted)

    assert answer.status_code == 303
    assert answer.location == f"/shops/{shop.id}/replay"
    first, second = sorted(cart_rules(shop), key=lambda one: one["id"])
    assert (first["active"], first["when"], first["until"]) == (True, {"after": "PT90M"}, {"after": "PT4410M"})
    assert first["conditions"] == {"at_least": {"amount": 30_000_000, "currency": "EUR"}, "once_per_person": "P7D"}
    assert (second["active"], second["body"]) == (True, RECIPE["second_body"])
    assert "1 h" not in first["name"], "a name that says another delay is not kept"
    assert row(shop).control_group == 20
    with shop.relance.suite.database.read() as tx:
        known = house.workspace(tx, shop.relance.workspace)
    assert known is not None
    assert known["settings"]["frequency"] == {"day": 1, "week": 2}
    page = owner.get(f"/shops/{shop.id}/recipe")
    assert re.search(r'value="90" selected>1.h.30<', page)
    assert "Le panier passe sous 30,00" in plain(page)
    assert "Ce panier a déjà eu ses deux messages" in page


def test_the_recipe_says_the_hours_of_the_country_and_what_stops_a_message(shop: Shop, owner: Visitor) -> None:
    said = plain(owner.get(f"/shops/{shop.id}/recipe"))

    assert "Du lundi au samedi de 8 h à 20 h" in said
    assert "Dimanche rien ne part" in said
    assert "Jamais un jour férié." in said
    for reason in ("La personne a commandé", "Le panier est vidé", "s’est désinscrite", "un seul par panier"):
        assert reason in said


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [("body", "{{ first_name", "e-body"), ("body", "", "e-body"), ("wait", "20", "e-wait"), ("wait", "1500", "e-wait"),
     ("control", "60", "e-control")],
)  # fmt: skip
def test_what_cannot_be_is_said_beside_its_field_and_nothing_is_saved(
    shop: Shop, owner: Visitor, field: str, value: str, where: str
) -> None:
    answer = owner.post(f"/shops/{shop.id}/recipe", **{**RECIPE, field: value})

    assert answer.status_code == 422
    assert f'id="{where}"' in answer.text
    assert not any(one["active"] for one in cart_rules(shop))


def test_a_second_message_leaves_after_the_first(shop: Shop, owner: Visitor) -> None:
    wrong = {**RECIPE, "second": "1", "wait": "720", "second_wait": "360"}
    assert 'id="e-second_wait"' in owner.post(f"/shops/{shop.id}/recipe", **wrong).text


def test_a_live_recipe_is_saved_after_its_difference_was_seen(relance: Running, owner: Visitor) -> None:
    shop = Shop(relance, "cart-1h")
    shop.cart()
    later = {**RECIPE, "wait": "120"}

    asked = owner.post(f"/shops/{shop.id}/recipe", **later)
    assert "Voici ce que ce changement fait des messages qui attendent" in asked.text
    assert next(one for one in cart_rules(shop) if one["active"])["when"] == {"after": "PT1H"}

    done = owner.post(f"/shops/{shop.id}/recipe", follow=False, confirm="1", **later)
    assert done.location == f"/shops/{shop.id}"
    relance.forward(HOUR + MINUTE)
    assert shop.texts() == []
    relance.forward(HOUR)
    assert len(shop.texts()) == 1


def connected(relance: Running, adapter: str) -> str:
    """A connection whose platform is away; its id."""
    suite = relance.suite
    with suite.database.write(relance.workspace) as tx:
        return installations.add(tx, suite.vault, adapter, "Boutique", Configured({}, {}), suite.now(),
                                 zone="Europe/Paris", country="FR", pulls=False)  # fmt: skip


def discounts_of(relance: Running, place: str) -> list[Any]:
    """What the connection's rules about carts take off, the soonest message first."""
    with relance.suite.database.read(relance.workspace) as tx:
        own = [one for one in rules.rows(tx, installation=place) if one["installation"] == place and one["active"]]
    return [(one["conditions"] or {}).get("discount") for one in sorted(own, key=lambda one: one["id"])]


SAYS_CODE = {**RECIPE, "body": "Votre panier : {{ link }} Avec {{ code }} : -15 %", "discount": "percent",
             "percent": "15", "code_days": "5"}  # fmt: skip


@pytest.mark.parametrize("adapter", ["shopify", "woocommerce"])
def test_a_recipe_gives_a_code_of_ones_own_where_the_shop_can_make_it(
    relance: Running, owner: Visitor, adapter: str
) -> None:
    place = connected(relance, adapter)
    page = owner.get(f"/shops/{place}/recipe")
    assert "créé dans votre boutique juste avant l’envoi, utilisable une fois" in plain(page)
    assert "le code de la personne" in page
    assert 'name="discount" value="none" checked' in page, "off as long as nobody chose"
    assert re.search(r'value="10" selected>10.%<', page)
    assert re.search(r'value="7" selected>7.jours<', page)

    answer = owner.post(f"/shops/{place}/recipe", follow=False, **SAYS_CODE, second="1", second_discount="none")

    assert answer.status_code == 303
    assert discounts_of(relance, place) == [{"percent": 15, "days": 5}, None], "each message has its own"
    page = owner.get(f"/shops/{place}/recipe")
    assert 'name="discount" value="percent" checked' in page
    assert 'name="second_discount" value="none" checked' in page
    assert re.search(r'value="15" selected>15.%<', page)
    assert re.search(r'value="5" selected>5.jours<', page)
    english = plain(Visitor(relance, "viewer", "en").get(f"/shops/{place}/recipe"))
    assert "created in your shop just before the message leaves, good for one order" in english

    owner.post(f"/shops/{place}/recipe", **{**RECIPE, "discount": "none"})
    assert discounts_of(relance, place) == [None]


@pytest.mark.parametrize(("without", "field"), [
    ({"discount": "none"}, "e-body"),
    ({"second": "1", "second_body": "Encore : {{ link }} {{ code }}", "second_discount": "none"}, "e-second_body"),
])  # fmt: skip
def test_a_code_that_nobody_would_have_is_said_beside_its_text(
    relance: Running, owner: Visitor, without: dict[str, str], field: str
) -> None:
    place = connected(relance, "shopify")

    answer = owner.post(f"/shops/{place}/recipe", **{**SAYS_CODE, **without})

    assert answer.status_code == 422
    assert f'id="{field}"' in answer.text
    assert "Le texte dit un code, et aucune remise n’est choisie" in plain(answer.text)
    assert discounts_of(relance, place) == []


def test_a_text_that_has_another_word_for_a_code_needs_none(relance: Running, owner: Visitor) -> None:
    place = connected(relance, "shopify")
    body = "Votre panier : {{ link }}{% if code %} Avec {{ code }}{% endif %} {{ code or 'Sans code' }}"

    assert owner.post(f"/shops/{place}/recipe", follow=False, **{**RECIPE, "body": body}).status_code == 303


@pytest.mark.parametrize(
    ("changes", "where", "said"),
    [({"body": RECIPE["body"]}, "e-body", "Le texte ne dit pas le code"),
     ({"second": "1", "second_discount": "percent"}, "e-second_body", "Le texte ne dit pas le code"),
     ({"percent": "60"}, "e-percent", "La réduction va de 5 à 50"),
     ({"percent": "4"}, "e-percent", "La réduction va de 5 à 50"),
     ({"code_days": "31"}, "e-code_days", "de 1 à 30 jours"),
     ({"code_days": "0"}, "e-code_days", "de 1 à 30 jours")],
)  # fmt: skip
def test_a_discount_that_nobody_would_hear_of_or_that_cannot_be_is_said_beside_its_field(
    relance: Running, owner: Visitor, changes: dict[str, str], where: str, said: str
) -> None:
    place = connected(relance, "shopify")

    answer = owner.post(f"/shops/{place}/recipe", **{**SAYS_CODE, **changes})

    assert answer.status_code == 422
    error = re.search(rf'<p class="error" id="{where}">.*?</p>', answer.text, re.DOTALL)
    assert error is not None
    assert said in plain(error[0])
    assert 'name="discount" value="percent" checked' in answer.text, "what was chosen is not lost"
    assert discounts_of(relance, place) == []


def test_a_discount_that_a_recipe_cannot_say_stays_until_another_is_chosen(relance: Running, owner: Visitor) -> None:
    place, amount = connected(relance, "shopify"), {"amount": 5_000_000, "currency": "EUR", "days": 60}
    given = {"installation": place, "name": "Panier", "on": "cart", "when": {"after": "PT1H"},
             "until": {"after": "P3D"}, "body": SAYS_CODE["body"], "discount": amount}  # fmt: skip
    made = relance.client.post("/v1/rules", given)
    assert made.status_code == 201, made.text

    page = owner.get(f"/shops/{place}/recipe")
    assert 'name="discount" value="kept" checked' in page
    assert "Comme aujourd’hui : 5,00 €, 60 jours" in plain(page)
    assert owner.post(f"/shops/{place}/recipe", follow=False, **{**SAYS_CODE, "discount": "kept"}).status_code == 303
    assert discounts_of(relance, place) == [amount]

    owner.post(f"/shops/{place}/recipe", **SAYS_CODE)
    assert discounts_of(relance, place) == [{"percent": 15, "days": 5}]


def test_a_shop_that_makes_no_codes_is_offered_none_and_gives_none(
    relance: Running, shop: Shop, owner: Visitor
) -> None:
    # The carts of a shop of one's own may bring a code themselves.
    for place, said in ((shop.id, {}), (connected(relance, "prestashop"), {"body": RECIPE["body"]})):
        page = owner.get(f"/shops/{place}/recipe")
        assert "Code de réduction personnel" not in page
        assert 'name="discount"' not in page

        assert owner.post(f"/shops/{place}/recipe", follow=False, **{**SAYS_CODE, **said}).status_code == 303
        assert discounts_of(relance, place) == [None]


def test_who_only_looks_changes_nothing_and_sees_no_number(relance: Running, shop: Shop) -> None:
    shop.cart()
    viewer = Visitor(relance, "viewer")

    for path in ("", "/consent", "/recipe", "/replay", "/orders", "/health"):
        assert ANA[-8:] not in viewer.get(f"/shops/{shop.id}{path}")
    for path in ("/recipe", "/orders", "/replay", "/trial"):
        assert viewer.post(f"/shops/{shop.id}{path}", **RECIPE).status_code == 403
    assert Visitor(relance, "editor").post(f"/shops/{shop.id}/replay").status_code == 403
    assert Visitor(relance, "owner", "en").post(f"/shops/{shop.id}/recipe", csrf="x", **RECIPE).status_code == 403


def test_a_shop_of_somebody_else_and_a_calendar_are_not_there(relance: Running, owner: Visitor) -> None:
    workspace, client = relance.another_workspace()
    theirs = client.post("/v1/installations", {"adapter": "custom_shop", "name": "B", "config": {}}).json()["id"]

    for path in ("", "/consent", "/recipe", "/replay", "/orders", "/health"):
        assert owner.browser.get(f"/shops/{theirs}{path}").status_code == 404
    assert owner.browser.get(f"/sites/{theirs}").status_code == 404
    assert workspace


def test_a_trial_reaches_ones_own_phone_once(relance: Running, shop: Shop, owner: Visitor) -> None:
    shop.cart()
    for _ in range(2):
        sent = owner.post(f"/shops/{shop.id}/trial", number="06 39 98 00 10", once="abc")
        assert "L’essai part maintenant" in sent.text
    relance.settle()

    (text,) = shop.texts()
    assert text.startswith("Ana, votre panier vous attend : Robe longue en lin.")
    wrong = owner.post(f"/shops/{shop.id}/trial", number="12", once="abd")
    assert "Cela n’a pas pu se faire" in wrong.text


# ---------------------------------------------------------------------------------------------- replay


def test_the_replay_says_one_sentence_of_which_each_figure_opens_its_carts(
    relance: Running, shop: Shop, owner: Visitor
) -> None:
    shop.cart("1", at=shop.now() - 5 * HOUR)
    shop.cart("2", phone=BOB, at=shop.now() - 5 * HOUR, customer={"email": "bob@example.org"})
    shop.order("9", phone=BOB, at=shop.now() - 4 * HOUR - 30 * MINUTE, customer={"email": "bob@example.org"})
    shop.cart("3", phone=None, consent=False, customer={"email": None})
    owner.post(f"/shops/{shop.id}/recipe", **RECIPE)
    page = owner.get(f"/shops/{shop.id}/replay")

    said = plain(page)
    assert re.search(r"3 paniers *, 2 joignables *, 1 aurait été relancé *\( *1 a commandé avant *,", said), said
    assert "coût 0,052 €" in said
    assert "Nous ne promettons pas de chiffre d’affaires" in said
    for figure, count in (("carts", 3), ("reachable", 2), ("would_have_left", 1), ("ordered_before", 1), ("moved", 1),
                          ("shop_no_phone", 1)):  # fmt: skip
        assert carts_on(owner.get(f"/shops/{shop.id}/replay?show={figure}")) == count, figure
    assert relance.phones() == []

    live = owner.post(f"/shops/{shop.id}/replay")
    assert "C’est en service" in live.text
    assert row(shop).mode == "live"


def test_a_shop_that_told_nothing_is_taught_and_not_promised_anything(shop: Shop, owner: Visitor) -> None:
    page = owner.get(f"/shops/{shop.id}/replay")
    assert "Aucun panier à rejouer" in page
    assert "La recette est éteinte" in page
    assert "Mettre en service</span>" not in page


# ---------------------------------------------------------------------------------------------- board


def clicked(shop: Shop, text: str = "") -> None:
    link = re.search(r"https?://\S+", text or shop.texts()[0])
    assert link is not None
    requests.get(link[0], headers=BROWSER, allow_redirects=False, timeout=20)


def test_the_board_counts_what_came_back_and_each_figure_opens_its_carts(relance: Running, owner: Visitor) -> None:
    shop = Shop(relance, "cart-1h", "cart-24h")
    shop.cart("1")
    shop.cart("2", phone="+33639980021", customer={"email": "c@example.org"})
    shop.cart("3", phone=None, consent=False, customer={"email": None})
    relance.forward(HOUR + MINUTE)
    clicked(shop, relance.phones()[-1]["text"])
    shop.order("77", cart="1")
    shop.order("78", phone="+33639980021", customer={"email": "c@example.org"}, cart="2", at=shop.now() + MINUTE)
    relance.settle()

    page = owner.get(f"/shops/{shop.id}")
    said = plain(page)
    assert "par un clic ou un code, dans les 24 h" in said
    assert "Pas encore assez de paniers pour" in said
    assert re.search(r"<strong>2</strong><span>paniers relancés</span><span class=\"small\">par 2.messages", page)
    for fate, count in (("recovered", None), ("nudged", 2), ("silent", 1), ("left_out", 0), ("stopped", 0)):
        shown = carts_on(owner.get(f"/shops/{shop.id}?fate={fate}"))
        figure = re.search(r"<strong>(\d+)</strong><span>commandes? récupérée", page)
        assert figure is not None
        assert shown == (int(figure[1]) if count is None else count), fate
    assert "La boutique n’a pas de téléphone pour cette personne" in owner.get(f"/shops/{shop.id}?fate=silent")


def test_a_cart_tells_its_story(relance: Running, owner: Visitor) -> None:
    shop = Shop(relance, "cart-1h")
    shop.cart()
    relance.forward(HOUR + MINUTE)
    clicked(shop)
    relance.forward(5 * MINUTE)
    shop.order(cart="831")
    listed = owner.get(f"/shops/{shop.id}?fate=recovered")
    path = re.search(r'href="(/shops/ins_\w+/carts/occ_\w+)"', listed)
    assert path is not None

    told = re.findall(r"<p><strong>([^<]+)</strong></p>", owner.get(path[1]))

    assert [line.partition("\u00a0:")[0] for line in told] == [
        "Le panier est arrivé", "La personne a donné son accord", "Relancé", "La personne a suivi le lien",
        "Commande R-77, après le clic", "Le panier est devenu une commande"]  # fmt: skip
    assert "84,70" in owner.get(path[1])
    assert owner.browser.get(path[1] + "x").status_code == 404


def test_a_board_of_many_carts_asks_no_more_than_one_of_few(relance: Running, owner: Visitor) -> None:
    shop = Shop(relance, "cart-1h")
    shop.cart("0")
    relance.forward(HOUR + MINUTE)
    few = counted(relance, owner, f"/shops/{shop.id}")
    for number in range(1, 12):
        shop.cart(str(number), phone=f"+336399800{number + 20}", customer={"email": f"{number}@example.org"})
    relance.forward(HOUR + MINUTE)

    assert carts_on(owner.get(f"/shops/{shop.id}")) == 12
    assert counted(relance, owner, f"/shops/{shop.id}") == few


def counted(relance: Running, owner: Visitor, path: str) -> int:
    owner.get(path)
    with statements(relance) as said:
        owner.get(path)
    return len(said)


@contextmanager
def statements(relance: Running) -> Iterator[list[str]]:
    said: list[str] = []

    def noted(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        said.append(statement)

    engine = relance.suite.database.engine
    event.listen(engine, "before_cursor_execute", noted)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", noted)


# ---------------------------------------------------------------------------------------------- orders


def test_orders_have_a_message_for_each_status_and_one_more_where_it_is_missing(
    relance: Running, shop: Shop, owner: Visitor
) -> None:
    shop.order("1", status="shipped")
    shop.order("2", phone=BOB, status="delivered", customer={"email": "b@example.org"})
    page = owner.get(f"/shops/{shop.id}/orders")
    assert "Ajouter « livrée » (1)" in plain(page)
    assert "Commande R-1" in page

    added = owner.post(f"/shops/{shop.id}/orders/status", status="delivered")
    assert "Le message est ajouté, éteint" in added.text
    assert "existe déjà" in owner.post(f"/shops/{shop.id}/orders/status", status="delivered").text
    assert owner.post(f"/shops/{shop.id}/orders/status", status="nowhere").status_code == 200

    shipped = shop.rules["order-shipped"]
    saved = owner.post(f"/shops/{shop.id}/orders", on=shipped, **{f"body-{shipped}": "En route : {{ number }}"})
    assert "Les messages de commande sont enregistrés" in saved.text
    with relance.suite.database.read(relance.workspace) as tx:
        known = {one["id"]: one for one in rules.rows(tx, installation=shop.id) if one["on"] == "order"}
    assert [one["id"] for one in known.values() if one["active"]] == [shipped]
    assert known[shipped]["body"] == "En route : {{ number }}"
    wrong = owner.post(f"/shops/{shop.id}/orders", on=shipped, **{f"body-{shipped}": "{{ number"})
    assert wrong.status_code == 422
    assert f'id="e-{shipped}"' in wrong.text
    assert carts_on(owner.get(f"/shops/{shop.id}/orders?status=shipped")) == 0
    assert "Commande R-2" not in owner.get(f"/shops/{shop.id}/orders?status=shipped")


# ---------------------------------------------------------------------------------------------- health


def test_silence_is_said_with_what_to_do(relance: Running, owner: Visitor) -> None:
    shop = Shop(relance, "cart-1h")
    for day in range(5):
        for hour in range(4):
            shop.cart(f"{day}-{hour}", phone=None, consent=False, customer={"email": None})
            relance.forward(2 * HOUR)
        relance.forward(16 * HOUR)
    assert "Tout va bien" in owner.get(f"/shops/{shop.id}/health")
    relance.forward(72 * HOUR)

    page = plain(owner.get(f"/shops/{shop.id}/health"))
    assert re.search(r"Votre boutique ne nous parle plus depuis \d+ h", page)
    assert "Que faire ?" in page
    assert "Vérifier" in plain(owner.get(f"/shops/{shop.id}"))


def test_what_could_not_be_read_is_read_again_after_a_fix(shop: Shop, owner: Visitor) -> None:
    assert shop.post("cart.updated", cart={"id": "1", "totale": "3"}).status_code == 400
    page = owner.get(f"/shops/{shop.id}/health")
    assert "« totale »" in plain(page)
    path = re.search(rf'action="(/shops/{shop.id}/inbox/inb_\w+/replay)"', page)
    assert path is not None

    assert "Toujours illisible" in owner.post(path[1]).text
    assert "relu" in plain(owner.get(f"/shops/{shop.id}/health"))
    assert owner.post(f"/shops/{shop.id}/inbox/inb_nothing/replay").status_code == 404
    assert "Tout est en place" in owner.get(f"/shops/{shop.id}/health?look=1")


# ---------------------------------------------------------------------------------------------- the way there


def test_the_first_page_leads_to_shops_and_a_shop_of_ones_own_is_made_at_once(relance: Running, owner: Visitor) -> None:
    assert 'href="/start/shop"' in owner.get("/start")
    assert "Boutique sur mesure" in owner.get("/start/shop")

    made = owner.post("/start/shop/custom_shop")

    assert made.request.path.endswith("/proof")
    assert "rsec_" in made.text
    place = made.request.path.split("/")[2]
    assert f'href="/shops/{place}/consent"' in owner.get("/start/shop")
    assert f'href="/shops/{place}"' in owner.get("/connections")
    assert owner.post("/start/shop/shopify").status_code == 404
    assert owner.post("/start/shop/gcal_reminders").status_code == 404
    assert Visitor(relance, "editor").post("/start/shop/custom_shop").status_code == 403
