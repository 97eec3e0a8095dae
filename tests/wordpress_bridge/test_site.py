"""The plugin on a real WordPress: from what a visitor does to the phone, and what is left when it goes.

WooCommerce and the form plugins cannot be had here: `stand_in.php` calls what they call. WordPress, its database, its
log-in page, its comments, its REST interface and its privacy tools are real.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests
from sqlalchemy import delete

from core.contract import Reward
from core.domain.discounts import Discount
from core.storage import installations
from core.storage import tables as t
from tests.support.running import Running
from tests.support.wordpress import PASSWORD, Site, forms, until
from tests.wordpress_bridge.bridge import OWNER, PAGE, Bridge, Line
from wordpress_bridge import wire

pytestmark = pytest.mark.php


@pytest.fixture(scope="module")
def bridge(wordpress: Path, php: str, mariadb: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    folder, line = tmp_path_factory.mktemp("bridge"), Line()
    # The site's clock cannot be turned, so Relance's is not turned either.
    with Site(folder, wordpress, php) as site, Running(folder, start=None, public_url=line.url) as relance:
        line.to = ("127.0.0.1", int(relance.url.rpartition(":")[2]))
        site.php("update_option( 'stand_in_shop', 1 ); activate_plugin( 'stand-in/stand-in.php' );"
                 "return activate_plugin( 'relance/relance.php' );")
        one = Bridge(site, relance, line)
        one.connect()
        yield one
        line.close()
        assert site.notices() == []


@pytest.fixture(autouse=True)
def _nothing_counted(bridge: Bridge) -> None:
    """All tests have one address and one range of numbers: what the guard saw in one must not stop the next."""
    with bridge.relance.suite.database.write(bridge.relance.workspace) as tx:
        for table in (t.buckets, t.sightings, t.ranges):
            tx.connection.execute(delete(table))


@pytest.fixture
def shopper(bridge: Bridge, request: pytest.FixtureRequest) -> requests.Session:
    """A visitor with a cart of her own."""
    session = requests.Session()
    session.cookies.set("stand_in", re.sub(r"\W", "", request.node.name.lower())[:40])
    return session


# Connecting -------------------------------------------------------------------------------------------------------


def test_a_code_works_once(bridge: Bridge) -> None:
    said = bridge.site.php("return Relance_Wire::connect( $code )->get_error_message();", code=bridge.code)

    assert "the code was used already" in said
    assert bridge.relance.client.get(f"/v1/installations/{bridge.id}").json()["state"] == "connected"


@pytest.mark.parametrize(("code", "why"), [
    ("", "not a connection code"),
    ("RLC-!!!", "not a connection code"),
    ("RLC-aHR0cDovL2V4YW1wbGUub3Jn", "not a connection code"),
    # http://203.0.113.7/hooks/x#…, in the clear through the internet
    ("RLC-aHR0cDovLzIwMy4wLjExMy43L2hvb2tzL3gjYWJjZGVmZ2hpamtsbW5vcHFyc3R1dg", "https"),
])
def test_what_is_no_code_is_said_to_be_none(bridge: Bridge, code: str, why: str) -> None:
    said = bridge.site.php("return Relance_Wire::read_code( $code )->get_error_message();", code=code)

    assert why in said


def test_a_test_reaches_the_owners_phone_in_the_first_minute(bridge: Bridge) -> None:
    answer = bridge.site.submit(PAGE, "relance_test", phone="06 39 98 01 00")

    assert "Relance has it: message planned" in bridge.said(answer)
    assert "Your site and Relance are connected" in bridge.texts_to("+33639980100")[0]
    assert any(row[1:3] == ["Test", "received"] for row in bridge.log())


def test_the_secret_is_on_no_page(bridge: Bridge) -> None:
    page = bridge.site.get(PAGE, bridge.site.admin).text

    assert bridge.secret not in page
    assert f"…{bridge.secret[-4:]}" in page


def test_only_an_administrator_with_the_pages_own_mark_changes_anything(bridge: Bridge) -> None:
    bridge.site.php("return wp_insert_user( array( 'user_login' => 'lea', 'user_pass' => $word, 'role' => 'editor',"
                    "'user_email' => 'lea@example.org' ) );", word=PASSWORD)
    editor = bridge.site.logged_in("lea", PASSWORD)

    for what in ("connect", "disconnect", "save", "test", "again", "erase"):
        posted = {"action": f"relance_{what}", "code": "x", "phone": "0639980100"}
        assert bridge.site.post("/wp-admin/admin-post.php", editor, data=posted).status_code == 403
        assert bridge.site.post("/wp-admin/admin-post.php", bridge.site.admin, data=posted).status_code == 403
        assert bridge.site.post("/wp-admin/admin-post.php", data=posted).status_code in (200, 302, 400)
    assert bridge.site.get(PAGE, editor).status_code == 403
    assert bridge.site.post("/wp-json/relance/v1/connect", json={"code": bridge.code}).status_code == 401
    assert bridge.site.post("/wp-json/relance/v1/gone", json={}).status_code == 401
    assert bridge.site.php("return Relance_Store::connected();") is True


HELD = """
global $wpdb;
$held = null; $tries = 0;
$wpdb->query( 'SET SESSION innodb_lock_wait_timeout = 1' );
add_action( 'http_api_debug', function () use ( &$held ) {
    // Relance has answered: from now on somebody else holds the rows.
    $held = new mysqli( 'localhost', DB_USER, DB_PASSWORD, DB_NAME );
    $held->begin_transaction();
    $held->query( "SELECT id FROM " . Relance_Store::table( 'queue' ) . " WHERE state = 'waiting' FOR UPDATE" );
} );
add_filter( 'query', function ( $query ) use ( &$held, &$tries ) {
    if ( $held && preg_match( '/^UPDATE .*relance_queue/', $query ) && ++$tries > 2 ) {
        $held->rollback();
        $held = null;
    }
    return $query;
} );
Relance_Queue::add( 'test', $subject, array( 'phone' => '0639980100' ) );
Relance_Queue::wake();
$said = 0;
add_action( 'http_api_debug', function () use ( &$said ) { $said++; } );
Relance_Queue::work( 20 );
Relance_Queue::work( 20 );
return array( Relance_Queue::became( $subject )[0], $tries, $said );
"""


def test_a_row_that_somebody_else_holds_for_a_moment_is_closed_and_said_once(bridge: Bridge) -> None:
    assert bridge.site.php(HELD, subject="test/held") == ["sent", 3, 1]


# Forms ------------------------------------------------------------------------------------------------------------


def test_the_fields_of_a_form_are_guessed_and_a_general_yes_is_none_to_messages(bridge: Bridge) -> None:
    guess = bridge.site.php("return Relance_Forms::guess( Relance_Forms::all()['cf7:5'][2] );")

    assert guess == {"phone": "your-tel", "name": "your-name", "email": "your-email", "consent": "sms-ok"}


def test_a_form_confirms_to_the_visitor_and_alerts_the_owner(bridge: Bridge) -> None:
    bridge.site.post("/wp-json/stand-in/v1/feedback", headers={"Referer": f"{bridge.site.url}/contact/?utm=1"}, data={
        "your-name": "Zoé <b>Martin</b>", "your-tel": "06 39 98 02 00", "your-email": "Zoe@Example.org", "sms-ok": "1"})

    form = next(one for one in bridge.occasions("form") if one["to"] == "+33639980200")
    assert form["key"].startswith("form/cf7:5/")
    assert bridge.texts_to("+33639980200") == [
        "Bonjour, votre message est bien arrivé. Nous vous répondons au plus vite."]
    assert "Nous contacter : Zoé Martin, 06 39 98 02 00" in bridge.texts_to(OWNER)
    word = bridge.consents("+33639980200")[0]
    assert word["state"] == "in"
    assert word["proof"]["text"] == "J'accepte de recevoir des offres par SMS"
    assert word["proof"]["place"] == f"{bridge.site.url}/contact/"


def test_a_form_without_the_box_is_answered_and_gives_no_consent(bridge: Bridge) -> None:
    bridge.site.post("/wp-json/stand-in/v1/feedback", data={"your-tel": "0639980201", "privacy": "1"})

    assert len(bridge.texts_to("+33639980201")) == 1
    assert bridge.consents("+33639980201") == []


@pytest.mark.parametrize("status", ["spam", "validation_failed", "acceptance_missing", "aborted"])
def test_what_was_not_accepted_over_there_is_nothing(bridge: Bridge, status: str) -> None:
    before = len(bridge.occasions("form"))
    bridge.site.post("/wp-json/stand-in/v1/feedback", data={"your-tel": "0639980202", "status": status})

    assert len(bridge.occasions("form")) == before


def test_a_form_that_nobody_switched_on_is_never_sent(bridge: Bridge) -> None:
    before = len(bridge.log())
    bridge.fire("gravity", entry={"id": 7, "status": "active", "1": "0639980203"}, form={"id": 3, "title": "Devis"})

    assert len(bridge.log()) == before


def test_wpforms_and_gravity_forms_are_heard_too(bridge: Bridge) -> None:
    bridge.site.php("Relance_Store::change( array( 'forms' => Relance_Store::settings()['forms'] + array("
                    "'wpforms:8' => array( 'on' => true, 'phone' => '2', 'name' => '1' ),"
                    "'gravity:4' => array( 'on' => true, 'phone' => '1', 'consent' => '5.1',"
                    "'sentence' => 'Oui aux SMS' ) ) ) );")

    bridge.fire("wpforms", fields={"1": {"name": "Nom", "value": "Ana"}, "2": {"name": "Tel", "value": "0639980204"}},
                form={"id": 8, "settings": {"form_title": "Rappel"}})
    bridge.fire("gravity", entry={"id": 9, "status": "active", "1": "0639980205", "5.1": "1"},
                form={"id": 4, "title": "Devis"})
    bridge.fire("gravity", entry={"id": 10, "status": "spam", "1": "0639980206"}, form={"id": 4, "title": "Devis"})

    assert len(bridge.texts_to("+33639980204")) == 1
    assert bridge.occasion("form/gravity:4/9")["to"] == "+33639980205"
    assert bridge.consents("+33639980205")[0]["proof"]["text"] == "Oui aux SMS"
    assert bridge.texts_to("+33639980206") == []


# People -----------------------------------------------------------------------------------------------------------


def test_a_registration_is_told_with_the_number_that_is_saved_after_it(bridge: Bridge) -> None:
    bridge.site.post("/wp-login.php?action=register", data={"user_login": "paul", "user_email": "paul@example.org"})
    user = bridge.site.php("return get_user_by( 'login', 'paul' )->ID;")
    known = bridge.occasion(f"user/{user}")
    assert known["to"] is None

    bridge.site.php("update_user_meta( $user, 'billing_phone', '06 39 98 03 00' );"
                    "wp_update_user( array( 'ID' => $user, 'first_name' => 'Paul' ) );", user=user)

    assert bridge.occasion(f"user/{user}")["to"] == "+33639980300"
    assert bridge.texts_to("+33639980300") == ["Bienvenue Paul ! Votre compte est ouvert."]


def test_a_comment_is_a_word_to_the_owner(bridge: Bridge) -> None:
    post = bridge.site.php("return wp_insert_post( array( 'post_title' => 'Avis', 'post_status' => 'publish' ) );")
    answer = bridge.site.post("/wp-comments-post.php", data={
        "comment_post_ID": post, "author": "Léa", "email": "lea2@example.org", "comment": "Merci pour ce billet"})

    assert answer.status_code == 302
    assert "Nouveau commentaire de Léa : Avis" in bridge.texts_to(OWNER)


# Opt-in -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(bridge: Bridge) -> str:
    post = bridge.site.php("return wp_insert_post( array( 'post_title' => 'SMS', 'post_name' => 'sms',"
                           "'post_type' => 'page', 'post_status' => 'publish',"
                           "'post_content' => '[relance_optin title=\"Nos offres\"]' ) );")
    assert post
    return "/sms/"


def fresh_counters(bridge: Bridge) -> None:
    """The site's own: all tests have one address."""
    bridge.site.php("global $wpdb; $wpdb->query( \"DELETE FROM {$wpdb->options} WHERE option_name LIKE"
                    " '\\\\_transient%relance\\\\_%'\" ); wp_cache_flush();")


def test_opt_in_by_code_without_javascript(bridge: Bridge, page: str) -> None:
    fresh_counters(bridge)
    visitor = requests.Session()
    assert "checked" not in re.search(r'<input type="checkbox" name="yes"[^>]*>',
                                      bridge.site.get(page, visitor).text).group()  # type: ignore[union-attr]
    target, fields = bridge.form_on(page, "start", visitor)
    asked = visitor.post(target, data={**fields, "phone": "06 39 98 04 00", "name": "Ana", "yes": "1"}, timeout=30)
    assert "a code is on its way" in asked.text
    where = urlsplit(asked.url)
    assert parse_qs(where.query)["relance_step"] == ["code"]

    code = bridge.code_to("+33639980400")
    target, fields = bridge.form_on(f"{where.path}?{where.query}", "check", visitor)
    wrong = visitor.post(target, data={**fields, "code": "000000" if code != "000000" else "111111"}, timeout=30)
    assert "not the right one" in wrong.text
    assert bridge.consents("+33639980400") == []
    done = visitor.post(target, data={**fields, "code": f"{code[:3]} {code[3:]}"}, timeout=30)

    assert "your number is confirmed" in done.text
    word = bridge.consents("+33639980400")[0]
    assert word["state"] == "in"
    assert "I can stop at any time" in word["proof"]["text"]
    assert word["proof"]["place"] == f"{bridge.site.url}/sms/"
    assert word["proof"]["way"] == "double_opt_in"
    welcome = bridge.planned("+33639980400")[0]
    assert welcome["class"] == "marketing"
    assert welcome["text"].startswith("Merci Ana, votre inscription est confirmée.")


def opts_in(bridge: Bridge, page: str, number: str) -> requests.Response:
    """What the form's script does for a visitor who has the phone in his hand; the site's last answer."""
    fresh_counters(bridge)
    asked = bridge.site.post("/wp-json/relance/v1/optin/start", json={
        "phone": number, "yes": "1", "website": "", "name": "", "page": page}).json()
    assert asked["step"] == "code"
    return bridge.site.post("/wp-json/relance/v1/optin/check", json={
        "token": asked["token"], "code": bridge.code_to(number)})


def test_opt_in_by_code_from_the_script(bridge: Bridge, page: str) -> None:
    done = opts_in(bridge, page, "+33639980401")

    assert done.json()["step"] == "done"
    assert done.headers["Cache-Control"] == "no-store"
    assert bridge.consents("+33639980401")[0]["state"] == "in"


@pytest.mark.parametrize(("given", "step"), [
    ({"phone": "0639980402"}, "box"),
    ({"phone": "0639980402", "yes": "1", "website": "http://spam.example"}, "code"),
    ({"phone": "12", "yes": "1"}, "number"),
    ({"phone": "0899123456", "yes": "1"}, "number"),
])
def test_no_code_leaves_for_a_robot_nor_without_the_box(bridge: Bridge, given: dict[str, str], step: str) -> None:
    fresh_counters(bridge)
    said = bridge.site.post("/wp-json/relance/v1/optin/start", json=given).json()

    if said["step"] == "code" and step == "number":
        # What may not be written to is told apart by nobody: the same answer, and no message.
        assert bridge.texts_to("+33899123456") == []
    else:
        assert said["step"] == step
    assert bridge.texts_to("+33639980402") == []


def test_one_number_gets_one_code_a_minute_and_one_address_five_an_hour(bridge: Bridge) -> None:
    fresh_counters(bridge)
    steps = [bridge.site.post("/wp-json/relance/v1/optin/start", json={"phone": phone, "yes": "1"}).json()["step"]
             for phone in ("0639980410", "0639980410", "0639980411", "0639980412", "0639980413", "0639980414")]

    assert steps[:2] == ["code", "busy"]
    assert steps[-1] == "busy"
    assert len(bridge.texts_to("+33639980410")) == 1


def test_the_block_is_the_same_form(bridge: Bridge) -> None:
    shown = bridge.site.php("return do_blocks( $block );",
                            block='<!-- wp:relance/optin {"button":"Oui <b>!","name":"no"} /-->')

    assert "Oui &lt;b&gt;!" in shown
    assert 'name="name"' not in shown
    assert "checked" not in re.search(r'<input type="checkbox"[^>]*>', shown).group()  # type: ignore[union-attr]


def test_a_link_leaves_only_by_a_button(bridge: Bridge, page: str) -> None:
    opts_in(bridge, page, "+33639980402")
    token = bridge.site.php("global $wpdb; return $wpdb->get_var( \"SELECT token FROM {$wpdb->prefix}relance_people "
                            "WHERE phone = '+33639980402'\" );")
    assert token
    leave = f"/?relance_leave={token}"
    assert "Stop receiving" in bridge.site.get(leave).text
    assert bridge.consents("+33639980402")[0]["state"] == "in"

    assert "do not write to this number any more" in bridge.site.post(leave, data={"relance_leave": token}).text

    assert bridge.consents("+33639980402")[0]["state"] == "out"


# Posts ------------------------------------------------------------------------------------------------------------


def test_a_new_post_is_told_to_subscribers_once_and_never_for_an_edit(bridge: Bridge) -> None:
    subscriber(bridge, "+33639980500")
    post = bridge.site.php("return wp_insert_post( array( 'post_title' => 'Soldes &amp; co', 'post_status' => 'draft' )"
                           ");")
    bridge.site.php("wp_publish_post( $post );", post=post)
    bridge.site.php("wp_update_post( array( 'ID' => $post, 'post_title' => 'Soldes, encore' ) );", post=post)
    bridge.site.php("wp_update_post( array( 'ID' => $post, 'post_status' => 'draft' ) ); wp_publish_post( $post );",
                    post=post)

    told = [one for one in bridge.planned("+33639980500") if one["class"] == "marketing"]
    assert len(told) == 1
    assert told[0]["text"].startswith("Nouveau : Soldes & co ")
    assert len([row for row in bridge.log() if row[1] == "New post"]) == 1


def test_many_subscribers_are_told_in_pages(bridge: Bridge) -> None:
    pages = bridge.site.php(
        "global $wpdb; $t = $wpdb->prefix . 'relance_people'; $rows = array();"
        "for ( $i = 0; $i < 250; $i++ ) { $rows[] = $wpdb->prepare( \"(%s,%s,'confirmed','Oui',1)\","
        " md5( (string) $i ), '+336399' . ( 10000 + $i ) ); }"
        "$wpdb->query( \"INSERT INTO $t (token,phone,state,sentence,asked) VALUES \" . implode( ',', $rows ) );"
        "Relance_Store::change( array( 'connected' => true ) ); update_option( 'relance_next', time() + 600 );"
        "update_option( 'relance_trouble', array( 'why' => 'x' ) );"
        "wp_insert_post( array( 'post_title' => 'A tous', 'post_status' => 'publish' ) );"
        "$found = $wpdb->get_col( \"SELECT body FROM {$wpdb->prefix}relance_queue WHERE type = 'post' AND state = "
        "'waiting'\" ); $wpdb->query( \"DELETE FROM {$wpdb->prefix}relance_queue WHERE state = 'waiting'\" );"
        "$wpdb->query( \"DELETE FROM $t WHERE sentence = 'Oui' AND asked = 1\" ); delete_option( 'relance_trouble' );"
        "update_option( 'relance_next', 0 );"
        "return array_map( static function ( $b ) { return count( json_decode( $b, true )['to'] ); }, $found );")

    assert pages[:2] == [100, 100]
    assert 250 <= sum(pages) <= 256
    assert len(pages) == 3


def subscriber(bridge: Bridge, number: str) -> None:
    """Somebody who has opted in before, here and at Relance."""
    bridge.site.php("global $wpdb; $wpdb->insert( $wpdb->prefix . 'relance_people', array( 'token' =>"
                    " bin2hex( random_bytes( 16 ) ), 'phone' => $number, 'state' => 'confirmed', 'sentence' => 'Oui',"
                    "'asked' => time() ) );", number=number)
    answer = bridge.relance.client.post("/v1/consents", {
        "to": number, "state": "in", "scope": "marketing", "source": "form",
        "proof": {"text": "Oui", "place": "https://example.org/"}})
    assert answer.status_code == 201, answer.text


# The queue --------------------------------------------------------------------------------------------------------


def test_what_happens_while_relance_is_away_waits_and_leaves_by_itself(bridge: Bridge) -> None:
    bridge.line.open = False
    try:
        for number in ("0639980600", "0639980601"):
            answer = bridge.site.post("/wp-json/stand-in/v1/feedback", data={"your-tel": number})
            assert answer.json() == {"status": "mail_sent"}
        waiting = [row for row in bridge.log() if row[2] == "waits"]
        assert len(waiting) == 2
        assert "2 events wait. Relance cannot be reached" in bridge.site.get(PAGE, bridge.site.admin).text
    finally:
        bridge.line.open = True
    assert bridge.received("+33639980600") == []

    # No cron, nobody presses a button: the pause is over, and somebody visits. (An answer that takes too long on a busy
    # machine counts as none: what was said then is said again, and taken once.)
    def all_left() -> bool:
        bridge.site.php("global $wpdb; $wpdb->query( \"UPDATE {$wpdb->prefix}relance_queue SET due = due - 3600 WHERE "
                        "state = 'waiting'\" ); update_option( 'relance_next', time() - 1 );")
        bridge.site.get("/")
        return [row for row in bridge.log() if row[2] == "waits"] == []

    until(all_left, "a visit did not let the queue leave", 100)
    until(lambda: bridge.received("+33639980601"), "what the site said was not sent")

    assert len(bridge.received("+33639980600")) == 1
    assert len(bridge.received("+33639980601")) == 1


def test_what_cannot_be_read_does_not_hold_up_the_rest(bridge: Bridge) -> None:
    bridge.site.php("Relance_Queue::add( 'form', 'form/broken', array( 'form' => '' ) );"
                    "Relance_Queue::add( 'form', 'form/whole', array( 'form' => 'cf7:5', 'entry' => 'whole-1',"
                    "'phone' => '0639980602', 'country' => 'FR' ) );")

    bridge.settle()
    states = {row[2] for row in bridge.log()[:2]}

    assert states == {"received", "refused"}
    assert len(bridge.texts_to("+33639980602")) == 1


def test_the_queue_has_bounds(bridge: Bridge) -> None:
    bridge.line.open = False
    try:
        waiting = bridge.site.php(
            "global $wpdb; $t = $wpdb->prefix . 'relance_queue';"
            "update_option( 'relance_trouble', array( 'why' => 'x' ) ); update_option( 'relance_next', time() + 600 );"
            "$row = \"('u','form','x','{}',1,\" . ( time() + 600 ) . ')';"
            "$wpdb->query( \"INSERT INTO $t (uid,type,subject,body,created,due) VALUES \" ."
            " implode( ',', array_fill( 0, 5100, $row ) ) );"
            "Relance_Queue::add( 'form', 'newest', array() ); return Relance_Queue::waiting();")
    finally:
        bridge.site.php("global $wpdb; $wpdb->query( \"DELETE FROM {$wpdb->prefix}relance_queue WHERE state = 'waiting'"
                        "\" ); delete_option( 'relance_trouble' ); update_option( 'relance_next', 0 );")
        bridge.line.open = True

    assert waiting == 5000


# The shop ---------------------------------------------------------------------------------------------------------


def cart_of(bridge: Bridge, shopper: requests.Session, product: int = 7) -> None:
    bridge.fire("shop", shopper, do="add", product=product)


def test_a_cart_is_told_when_its_person_is_known_and_only_when_it_changes(
    bridge: Bridge, shopper: requests.Session
) -> None:
    cart_of(bridge, shopper)
    before = len(bridge.occasions("cart"))
    page = bridge.site.get("/?checkout=1", shopper).text
    nonce = re.search(r'"nonce":"(\w+)"', page).group(1)  # type: ignore[union-attr]
    typed = {"billing_phone": "06 39 98 07 00", "billing_email": "eve@example.org", "billing_first_name": "Eva",
             "billing_country": "FR", "relance_sms": "1"}
    assert bridge.site.post("/wp-json/relance/v1/contact", shopper, json=typed,
                            headers={"X-WP-Nonce": nonce}).status_code == 204

    carts = bridge.occasions("cart")
    assert len(carts) == before + 1
    cart = next(one for one in carts if one["to"] == "+33639980700")
    said = bridge.log()[0]
    for _ in range(3):
        bridge.fire("shop", shopper, do="read")
    assert bridge.log()[0] == said
    cart_of(bridge, shopper)
    assert bridge.occasion(cart["key"])["id"] == cart["id"]
    message = bridge.planned("+33639980700")[0]
    assert message["text"].startswith("Eva, votre panier vous attend : ")
    proof = bridge.consents("+33639980700")[0]["proof"]
    assert "may remind me of my cart" in proof["text"]


def test_the_link_puts_the_cart_back_and_says_what_is_gone(bridge: Bridge, shopper: requests.Session) -> None:
    cart_of(bridge, shopper)
    bridge.fire("shop", shopper, do="review", posted="billing_phone=0639980701&billing_email=fay%40example.org")
    bridge.site.php("$t = $GLOBALS['wpdb']->prefix . 'relance_carts'; global $wpdb;"
                    "$row = $wpdb->get_row( \"SELECT * FROM $t WHERE email = 'fay@example.org'\" );"
                    "$c = json_decode( $row->content, true ); $c['lines'][] = array( 'product' => 99, 'variation' => 0,"
                    "'choice' => array(), 'quantity' => 1, 'name' => 'Parti' );"
                    "$wpdb->update( $t, array( 'content' => wp_json_encode( $c ) ), array( 'token' => $row->token ) );")
    token = bridge.fire("shop", shopper, do="read")["cart"]
    other = requests.Session()
    other.cookies.set("stand_in", "anotherdevice")

    answer = bridge.site.get(f"/?relance_cart={token}", other, allow_redirects=False)

    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{bridge.site.url}/checkout/"
    there = bridge.fire("shop", other, do="read")
    assert there["lines"] == {"7": 1}
    assert there["cart"] == token
    assert "Parti" in there["notice"]
    assert bridge.site.get("/?relance_cart=0123", other, allow_redirects=False).headers["Location"] == (
        f"{bridge.site.url}/")


@pytest.mark.parametrize("checkout", ["classic", "block"])
def test_an_order_ends_its_cart_and_each_status_is_told_once(
    bridge: Bridge, shopper: requests.Session, checkout: str
) -> None:
    number, order = ("0639980702", 102) if checkout == "classic" else ("0639980703", 103)
    to = f"+33{number[1:]}"
    billing = {"phone": number, "email": f"{checkout}@example.org", "first_name": "Gil", "country": "FR"}
    cart_of(bridge, shopper)
    if checkout == "classic":
        bridge.fire("shop", shopper, do="review", posted=f"billing_phone={number}&relance_sms=1")
    else:
        bridge.fire("shop", shopper, do="block", billing=billing, fields={"relance/sms": True})
    assert len([one for one in bridge.planned(to) if one["state"] == "scheduled"]) == 1

    meta = {"_wc_other/relance/sms": "1"} if checkout == "block" else {}
    bridge.fire("shop", shopper, do="order", order=order, checkout=checkout, billing=billing, box=True, meta=meta)
    for status in ("processing", "processing", "completed", "completed"):
        bridge.fire("shop", shopper, do="status", order=order, status=status)
        bridge.settle()

    assert [one["state"] for one in bridge.planned(to) if one["class"] == "marketing"] == ["cancelled"]
    assert sorted(bridge.texts_to(to)) == sorted([
        f"Merci ! Votre commande C-{order} (12,50 €) est bien enregistrée.",
        f"Votre commande C-{order} est terminée. Merci de votre confiance."])
    assert bridge.consents(to)[0]["state"] == "in"
    assert bridge.occasion(f"order/{order}")["values"]["codes"] == ["7kxq4mbd"]


def test_a_cart_that_was_emptied_is_no_cart(bridge: Bridge, shopper: requests.Session) -> None:
    cart_of(bridge, shopper)
    bridge.fire("shop", shopper, do="review", posted="billing_phone=0639980704&relance_sms=1")
    assert bridge.planned("+33639980704")[0]["state"] == "scheduled"

    bridge.fire("shop", shopper, do="empty")

    assert bridge.planned("+33639980704")[0]["state"] == "cancelled"


WANTED = {"type": "percent", "amount": "10", "email": "ana@example.org"}
COUPONS = "/wp-json/relance/v1/coupon"


def asks(bridge: Bridge, *, secret: str = "", ago: int = 0, **wanted: Any) -> tuple[int, dict[str, Any]]:
    """Relance's request for a code that is good for an hour, unless something else is `wanted`; the site's answer."""
    body = json.dumps({**WANTED, "ends_at": int(time.time()) + 3600, **wanted}).encode()
    stamp = str(int(time.time()) - ago)
    answer = bridge.site.post(COUPONS, data=body, headers={
        "Content-Type": "application/json", "X-Relance-Timestamp": stamp, "X-Relance-Delivery": "d" * 32,
        "X-Relance-Signature": wire.signed(secret or bridge.secret, stamp, body)})
    return answer.status_code, dict(answer.json())


def coupons(bridge: Bridge, code: str) -> list[dict[str, Any]]:
    """The shop's coupons of that code."""
    return list(bridge.site.php(
        "return array_map( static function ( $id ) { return get_post_meta( $id, 'stand_in', true ) + array( 'mark' =>"
        " get_post_meta( $id, '_relance', true ) ); }, get_posts( array( 'post_type' => 'shop_coupon',"
        " 'title' => $code, 'fields' => 'ids' ) ) );", code=code))


def test_a_discount_code_is_made_once_and_made_what_is_wanted_now(bridge: Bridge) -> None:
    later = int(time.time()) + 86400
    assert asks(bridge, code="7KXQ4MBD", ends_at=later) == (201, {"kept": True})
    made = coupons(bridge, "7KXQ4MBD")
    assert made == [{
        "code": "7KXQ4MBD", "description": "Relance 7KXQ4MBD", "discount_type": "percent", "amount": "10",
        "individual_use": True, "usage_limit": 1, "usage_limit_per_user": 1, "date_expires": later, "mark": "1",
        "email_restrictions": ["ana@example.org"]}]

    assert asks(bridge, code="7KXQ4MBD", type="fixed_cart", amount="5.5", currency="EUR") == (200, {"kept": True})
    # Its end stays: somebody may have read it.
    assert coupons(bridge, "7KXQ4MBD") == [{**made[0], "discount_type": "fixed_cart", "amount": "5.5"}]


def test_a_coupon_of_the_merchants_is_left_alone(bridge: Bridge) -> None:
    bridge.site.php("$c = new WC_Coupon(); $c->set_code( 'SOLDES24' ); $c->set_amount( '50' ); $c->save();")

    status, said = asks(bridge, code="SOLDES24")

    assert (status, said["code"]) == (409, "relance_taken")
    assert coupons(bridge, "SOLDES24") == [{"code": "SOLDES24", "amount": "50", "mark": ""}]


@pytest.mark.parametrize(("forged", "code"), [
    ({"secret": "another"}, "relance_signature"), ({"ago": 301}, "relance_clock"), ({"ago": -301}, "relance_clock")])
def test_a_code_is_made_for_relance_alone_and_for_now(bridge: Bridge, forged: dict[str, Any], code: str) -> None:
    status, said = asks(bridge, code="FBRGED22", **forged)

    assert (status, said["code"]) == (401, code)
    assert coupons(bridge, "FBRGED22") == []
    assert bridge.site.post(COUPONS, bridge.site.admin, json={**WANTED, "code": "FBRGED22"}).status_code == 401


@pytest.mark.parametrize(("wanted", "status", "code"), [
    ({"amount": "101"}, 400, "relance_coupon"), ({"amount": "0"}, 400, "relance_coupon"),
    ({"amount": 10}, 400, "relance_coupon"), ({"type": "fixed_product"}, 400, "relance_coupon"),
    ({"code": "<b>BBBB</b>"}, 400, "relance_coupon"), ({"ends_at": 1}, 400, "relance_coupon"),
    ({"type": "fixed_cart"}, 400, "relance_coupon"),
    ({"type": "fixed_cart", "currency": "CHF"}, 422, "relance_currency")])
def test_what_is_no_discount_here_is_refused(bridge: Bridge, wanted: dict[str, Any], status: int, code: str) -> None:
    answer, said = asks(bridge, **{"code": "N2DSCNT3", **wanted})

    assert (answer, said["code"]) == (status, code)
    assert coupons(bridge, "N2DSCNT3") == []


def test_relance_itself_asks_for_a_code_so_that_the_site_makes_it(bridge: Bridge) -> None:
    suite = bridge.relance.suite
    with suite.database.read(bridge.relance.workspace) as tx:
        row = installations.get(tx, suite.vault, bridge.id, suite.public_url)
    assert row is not None
    now = suite.now()
    suite.adapters["wordpress_bridge"].reward(
        row.installation, Reward("9ZTWRVHN", Discount(7, 15), now + timedelta(days=7), "cart/1", {}), now)

    made = coupons(bridge, "9ZTWRVHN")[0]
    assert (made["discount_type"], made["amount"], made["email_restrictions"]) == ("percent", "15", [])


def restored(bridge: Bridge, shopper: requests.Session, device: str, code: str) -> list[str]:
    """The codes in the cart once another device followed the link of a message with `code`."""
    cart_of(bridge, shopper)
    bridge.fire("shop", shopper, do="review", posted="billing_phone=0639980702&billing_email=gia%40example.org")
    token = bridge.fire("shop", shopper, do="read")["cart"]
    other = requests.Session()
    other.cookies.set("stand_in", device)
    answer = bridge.site.get(f"/?relance_cart={token}&relance_code={code}", other, allow_redirects=False)
    assert answer.headers["Location"] == f"{bridge.site.url}/checkout/"
    return list(bridge.fire("shop", other, do="read")["coupons"])


def test_the_link_of_a_message_brings_its_code_into_the_cart(bridge: Bridge, shopper: requests.Session) -> None:
    assert asks(bridge, code="BRNGMYCD")[0] == 201

    assert restored(bridge, shopper, "brings", "BRNGMYCD") == ["brngmycd"]


def test_a_link_brings_no_code_but_ours(bridge: Bridge, shopper: requests.Session) -> None:
    bridge.site.php("$c = new WC_Coupon(); $c->set_code( 'VERYBIG2' ); $c->set_amount( '90' ); $c->save();")

    for code in ("VERYBIG2", "NBDYSCDE", "<b>", ""):
        assert restored(bridge, shopper, f"none{len(code)}", code) == []


def test_a_code_that_is_over_and_was_not_used_is_deleted_a_day_later(bridge: Bridge) -> None:
    day, now = 86400, int(time.time())
    ends = (("LVNGCDE2", now - day // 2, 0), ("GNECDE22", now - 2 * day, 0), ("SDCDE222", now - 2 * day, 1))
    for code, over, used in ends:
        assert asks(bridge, code=code)[0] == 201
        bridge.site.php("$c = new WC_Coupon( wc_get_coupon_id_by_code( $code ) ); $c->set_date_expires( $over );"
                        "$c->set_usage_count( $used ); $c->save();", code=code, over=over, used=used)
    bridge.site.php("$c = new WC_Coupon(); $c->set_code( 'MRCHNT22' ); $c->set_date_expires( 1000 ); $c->save();")

    bridge.site.php("delete_transient( 'relance_swept' ); Relance_Queue::work( 2 );")

    left = [code for code in ("LVNGCDE2", "GNECDE22", "SDCDE222", "MRCHNT22") if coupons(bridge, code)]
    assert left == ["LVNGCDE2", "SDCDE222", "MRCHNT22"], "only what is ours, over for a day and not used goes"


def test_the_box_stands_on_both_checkouts_and_is_never_ticked(bridge: Bridge, shopper: requests.Session) -> None:
    block = bridge.fire("shop", shopper, do="read")["field"]
    classic = bridge.site.php("return apply_filters( 'woocommerce_checkout_fields', array( 'billing' => array() ) );")

    assert (block["id"], block["type"], block["location"]) == ("relance/sms", "checkbox", "contact")
    assert classic["billing"]["relance_sms"]["default"] == 0
    assert classic["billing"]["relance_sms"]["required"] is False
    assert classic["billing"]["relance_sms"]["label"] == block["label"]


# Log-in by code ---------------------------------------------------------------------------------------------------


def member(bridge: Bridge, name: str, phone: str, role: str = "subscriber") -> int:
    return int(bridge.site.php(
        "$id = wp_insert_user( array( 'user_login' => $name, 'user_pass' => $word, 'role' => $role,"
        "'user_email' => $name . '@example.org' ) );"
        "update_user_meta( $id, 'relance_phone', $phone ); update_user_meta( $id, 'relance_verified', 1 ); return $id;",
        name=name, word=PASSWORD, phone=phone, role=role))


@pytest.fixture
def login(bridge: Bridge) -> Iterator[Any]:
    def choose(way: str, *roles: str) -> None:
        fresh_counters(bridge)
        bridge.site.php("Relance_Store::change( array( 'login' => $way, 'login_roles' => $roles ) );", way=way,
                        roles=list(roles))

    yield choose
    choose("off")


def code_form(bridge: Bridge, visitor: requests.Session, where: str) -> tuple[str, dict[str, str]]:
    form = next(one for one in forms(bridge.site.get(where, visitor).text) if "relance_token" in one.fields)
    return urljoin(bridge.site.url, form.target), dict(form.fields)


def test_the_password_alone_does_not_open_an_account_with_a_second_step(bridge: Bridge, login: Any) -> None:
    member(bridge, "hugo", "+33639980800")
    login("second")
    visitor = requests.Session()
    visitor.cookies.set("wordpress_test_cookie", "WP Cookie check")
    asked = bridge.site.post("/wp-login.php", visitor, data={"log": "hugo", "pwd": PASSWORD})
    assert "action=relance_code" in asked.headers["Location"]
    assert not [cookie for cookie in visitor.cookies if cookie.name.startswith("wordpress_logged_in")]
    xml = ("<?xml version='1.0'?><methodCall><methodName>wp.getProfile</methodName><params><param><value><int>1</int>"
           f"</value></param><param><value>hugo</value></param><param><value>{PASSWORD}</value></param></params>"
           "</methodCall>")
    assert "<fault>" in bridge.site.post("/xmlrpc.php", data=xml.encode()).text

    target, fields = code_form(bridge, visitor, asked.headers["Location"])
    wrong = visitor.post(target, data={**fields, "relance_code": "12"}, timeout=30, allow_redirects=False)
    assert "not the right one" in wrong.text
    done = visitor.post(target, data={**fields, "relance_code": bridge.code_to("+33639980800")}, timeout=30,
                        allow_redirects=False)

    assert done.status_code == 302
    assert [cookie for cookie in visitor.cookies if cookie.name.startswith("wordpress_logged_in")]


def test_instead_of_the_password_only_where_the_owner_chose_it(bridge: Bridge, login: Any) -> None:
    member(bridge, "iris", "+33639980801")
    member(bridge, "jean", "+33639980802", role="editor")
    login("second", "subscriber", "editor")
    assert bridge.site.get("/wp-login.php?action=relance", allow_redirects=False).status_code == 302
    login("instead", "subscriber", "editor")

    answers = {}
    for name in ("iris", "jean", "nobody"):
        visitor = requests.Session()
        shown = bridge.site.get("/wp-login.php?action=relance", visitor).text
        nonce = re.search(r'name="_wpnonce" value="(\w+)"', shown).group(1)  # type: ignore[union-attr]
        answers[name] = (visitor, bridge.site.post("/wp-login.php?action=relance", visitor, data={
            "_wpnonce": nonce, "relance_user": name}).headers["Location"])

    # Who exists, and who may, is told to nobody; an editor never comes in without a password.
    assert {re.sub(r"[0-9a-f]{32}", "", where) for _, where in answers.values()} == {
        f"{bridge.site.url}/wp-login.php?action=relance_code&relance_token="}
    assert not [text for text in bridge.texts_to("+33639980802") if re.search(r"\d{6}", text)]
    visitor, where = answers["iris"]
    target, fields = code_form(bridge, visitor, where)
    done = visitor.post(target, data={**fields, "relance_code": bridge.code_to("+33639980801")}, timeout=30,
                        allow_redirects=False)
    assert done.status_code == 302
    assert [cookie for cookie in visitor.cookies if cookie.name.startswith("wordpress_logged_in")]


def test_a_member_confirms_a_number_on_the_profile(bridge: Bridge, login: Any) -> None:
    bridge.site.php("return wp_insert_user( array( 'user_login' => 'kim', 'user_pass' => $word, 'role' =>"
                    "'subscriber', 'user_email' => 'kim@example.org' ) );", word=PASSWORD)
    login("second")
    visitor = bridge.site.logged_in("kim", PASSWORD)
    nonce = re.search(r'data-nonce="(\w+)"',
                      bridge.site.get("/wp-admin/profile.php", visitor).text).group(1)  # type: ignore[union-attr]
    mark = {"X-WP-Nonce": nonce}
    assert bridge.site.post("/wp-json/relance/v1/phone/start", visitor, json={"phone": "1"}).status_code == 401
    assert bridge.site.post("/wp-json/relance/v1/phone/start", visitor, json={"phone": "0639980803"},
                            headers=mark).json()["step"] == "code"

    assert bridge.site.post("/wp-json/relance/v1/phone/check", visitor, headers=mark,
                            json={"code": bridge.code_to("+33639980803")}).json()["step"] == "done"

    assert bridge.site.php("return get_user_meta( get_user_by( 'login', 'kim' )->ID, 'relance_phone', true );") == (
        "+33639980803")


# Privacy ----------------------------------------------------------------------------------------------------------


def test_wordpresss_own_tools_export_and_erase_here_and_at_relance(bridge: Bridge) -> None:
    user = member(bridge, "lou", "+33639980900")
    subscriber(bridge, "+33639980900")
    bridge.site.php("do_action( 'profile_update', $user, get_userdata( $user ), array() );", user=user)
    assert bridge.occasion(f"user/{user}")["to"] == "+33639980900"

    exported = bridge.site.php("$x = apply_filters( 'wp_privacy_personal_data_exporters', array() );"
                               "return call_user_func( $x['relance']['callback'], 'lou@example.org', 1 );")
    erased = bridge.site.php("$x = apply_filters( 'wp_privacy_personal_data_erasers', array() );"
                             "return call_user_func( $x['relance']['callback'], 'lou@example.org', 1 );")

    assert exported["done"] is True
    values = [one["value"] for item in exported["data"] for one in item["data"]]
    assert "+33639980900" in values
    assert "Oui" in values
    assert erased == {"items_removed": True, "items_retained": False, "done": True, "messages": [
        "Relance was told to erase this person too. It keeps only that the number said no, if it did."]}
    assert bridge.site.php("$x = apply_filters( 'wp_privacy_personal_data_exporters', array() );"
                           "return call_user_func( $x['relance']['callback'], 'lou@example.org', 1 );")["data"] == []
    assert [one for one in bridge.occasions("contact") if one["to"] == "+33639980900"] == []


def test_who_left_only_a_number_is_erased_by_number(bridge: Bridge) -> None:
    bridge.site.post("/wp-json/stand-in/v1/feedback", data={"your-tel": "06 39 98 09 01"})
    assert len(bridge.texts_to("+33639980901")) == 1

    assert "Erased here" in bridge.said(bridge.site.submit(PAGE, "relance_erase", phone="06 39 98 09 01"))

    assert bridge.planned("+33639980901") == []


# What it costs, and what it leaves --------------------------------------------------------------------------------


def test_a_page_with_the_plugin_against_one_without(bridge: Bridge, capsys: pytest.CaptureFixture[str]) -> None:
    def visits() -> tuple[float, int]:
        """Milliseconds and queries of a page."""
        taken, page = [], ""
        for _ in range(12):
            begun = time.perf_counter()
            page = bridge.site.get("/").text
            taken.append((time.perf_counter() - begun) * 1000)
        return min(taken), int(re.search(r"queries:(\d+)", page).group(1))  # type: ignore[union-attr]

    bridge.settle()
    with_it, queries = visits()
    bridge.site.php("deactivate_plugins( 'relance/relance.php' );")
    visits()
    without, fewer = visits()
    bridge.site.php("activate_plugin( 'relance/relance.php' );")

    with capsys.disabled():
        print(f"\n    a page of WordPress: {without:.1f} ms and {fewer} queries without the plugin, "
              f"{with_it:.1f} ms and {queries} queries with it")
    assert queries == fewer


def test_the_plugin_speaks_french_where_the_site_does(bridge: Bridge) -> None:
    bridge.site.php("update_option( 'stand_in_locale', 'fr_FR' );")
    try:
        page = bridge.site.get(PAGE, bridge.site.admin).text
    finally:
        bridge.site.php("delete_option( 'stand_in_locale' );")

    assert "Ce que votre site peut déclencher" in page
    assert "Envoyer un essai à mon téléphone" in page
    assert "What your site can trigger" not in page


def test_a_connection_that_is_ended_here_is_ended_there_and_made_again(bridge: Bridge) -> None:
    assert bridge.relance.client.delete(f"/v1/installations/{bridge.id}").status_code in (200, 204)

    assert bridge.site.php("return Relance_Store::connected();") is False
    assert "RLC-" in bridge.site.get(PAGE, bridge.site.admin).text
    bridge.connect()
    assert "message planned" in bridge.said(bridge.site.submit(PAGE, "relance_test", phone="0639981000"))


def test_an_uninstall_leaves_nothing_and_says_goodbye(bridge: Bridge) -> None:
    """The last of this file: nothing of the plugin is there afterwards."""
    site = bridge.site
    site.php("update_post_meta( 1, '_relance_cart', 'x' ); global $wpdb; $wpdb->query( \"CREATE TABLE"
             " {$wpdb->prefix}wc_orders_meta (meta_key varchar(50)) SELECT '_relance_consent' AS meta_key\" );")
    site.php("deactivate_plugins( 'relance/relance.php' );")
    site.php("uninstall_plugin( 'relance/relance.php' );")

    left = site.php(
        "global $wpdb; return array("
        "'options' => $wpdb->get_col( \"SELECT option_name FROM {$wpdb->options} WHERE option_name LIKE '%relance%'"
        "\" ),"
        "'tables' => $wpdb->get_col( \"SHOW TABLES LIKE '%relance%'\" ),"
        "'people' => $wpdb->get_col( \"SELECT meta_key FROM {$wpdb->usermeta} WHERE meta_key LIKE '%relance%'\" ),"
        "'posts' => $wpdb->get_col( \"SELECT meta_key FROM {$wpdb->postmeta} WHERE meta_key LIKE '%relance%'\" ),"
        "'cron' => array_filter( array_keys( _get_cron_array() ? array_merge( ...array_values( _get_cron_array() ) ) :"
        "array() ), static function ( $n ) { return false !== strpos( $n, 'relance' ); } ) );")
    assert site.php("return (int) $GLOBALS['wpdb']->get_var( 'SELECT COUNT(*) FROM wp_wc_orders_meta' );") == 0
    assert left == {"options": [], "tables": [], "people": [], "posts": [], "cron": []}
    assert bridge.relance.client.get(f"/v1/installations/{bridge.id}").json()["state"] == "disconnected"
