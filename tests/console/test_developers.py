"""Développeurs and Mise en production: keys renewed, webhooks told again, requests reread, a list with its fixes."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from core.contract import Inbound
from core.engine import checkup, notices
from core.storage import access, house, inbox, webhooks
from tests.console.test_session import House, home, token

__all__ = ["home"]
NUMBER = "+33639980001"


def post(visitor, path: str, page: str = "/developers", **form):
    return visitor.post(path, data={"csrf": token(visitor.get(page).text), **form})


def keys(one: House):
    with one.clinic.suite.database.read(one.clinic.workspace) as tx:
        return access.keys(tx)


def is_good(one: House, key: str) -> bool:
    with one.clinic.suite.database.read() as tx:
        return access.key(tx, key, one.clinic.suite.now()) is not None


def test_a_key_is_shown_once_and_can_be_revoked(home: House) -> None:
    visitor = home.person("owner")
    page = post(visitor, "/developers/keys", name="Logiciel", kind="live", scope="read", days="30").text
    key = re.search(r"rk_live_[\w-]{30,}", page)
    assert key
    assert key[0] not in visitor.get("/developers").text
    [made] = keys(home)
    assert made["scopes"] == ["read"]

    assert post(visitor, f"/developers/keys/{made['id']}/revoke").status_code == 303
    assert not is_good(home, key[0])


def test_a_key_that_is_replaced_works_until_the_program_was_changed(home: House) -> None:
    visitor = home.person("owner")
    page = post(visitor, "/developers/keys", name="Logiciel", kind="test", scope="write", days="90").text
    old = re.search(r"rk_test_[\w-]{30,}", page)
    assert old
    page = post(visitor, f"/developers/keys/{keys(home)[0]['id']}/renew", overlap="24").text
    new = re.search(r"rk_test_[\w-]{30,}", page)
    assert new

    assert is_good(home, old[0])
    assert is_good(home, new[0])
    first, second = keys(home)
    assert (second["name"], second["scopes"], second["test"]) == (first["name"], first["scopes"], first["test"])
    home.clinic.clock.forward(timedelta(hours=24, seconds=1))
    assert (is_good(home, old[0]), is_good(home, new[0])) == (False, True)
    assert post(home.person("admin", "b@example.org"), f"/developers/keys/{first['id']}/renew").status_code == 409


def test_an_endpoint_hears_and_is_told_again(home: House) -> None:
    visitor, suite = home.person("owner"), home.clinic.suite
    wrong = post(visitor, "/developers/webhooks", "/developers/webhooks", url="ftp://x", which="all")
    assert (wrong.status_code, 'aria-invalid="true"' in wrong.text) == (422, True)
    none = post(visitor, "/developers/webhooks", "/developers/webhooks", url="https://hook.example/a", which="some")
    assert (none.status_code, "Aucun événement" in none.text) == (422, True)
    page = post(visitor, "/developers/webhooks", "/developers/webhooks", url="https://hook.example/a", which="some",
                events=["message.sent", "no.such"]).text  # fmt: skip
    assert re.search(r"whsec_[\w+/=]{40,}", page)
    with suite.database.read(home.clinic.workspace) as tx:
        [endpoint] = webhooks.listed(tx)
    assert endpoint["events"] == ["message.sent"]
    path = f"/developers/webhooks/{endpoint['id']}"
    assert "whsec_" not in visitor.get(path).text

    assert post(visitor, f"{path}/test").status_code == 303
    with suite.database.write(home.clinic.workspace) as tx:
        [delivery] = webhooks.deliveries(tx, endpoint["id"])
        body = json.dumps({"type": "reply.received", "data": {"number": NUMBER, "text": "OUI"}})
        webhooks.queue(tx, [(tx.owned, endpoint["id"], "reply.received", body)], suite.now())
        webhooks.delivered(tx, delivery["id"], "failed", status=500, trouble=None, due_at=None, now=suite.now(),
                           answer="<b>en panne</b>")  # fmt: skip
    shown = visitor.get(path).text
    assert "&lt;b&gt;en panne" in shown
    assert NUMBER in shown
    assert NUMBER not in home.person("viewer", "v@example.org").get(path).text, "who may only look sees nobody's number"
    assert post(visitor, f"{path}/deliveries/{delivery['id']}/again").status_code == 303
    with suite.database.read(home.clinic.workspace) as tx:
        assert webhooks.delivery(tx, endpoint["id"], delivery["id"])["state"] == "waiting"

    assert "2 secrets" in post(visitor, f"{path}/rotate").text
    assert post(visitor, f"{path}/end").status_code == 303
    assert post(visitor, f"{path}/pause").status_code == 303
    assert "En pause" in visitor.get(path).text
    assert post(visitor, path, url="https://hook.example/b", which="all").status_code == 303
    assert post(visitor, f"{path}/remove").location == "/developers/webhooks"
    assert visitor.get(path).status_code == 404


def test_a_received_request_is_read_again_and_masked_for_who_may_only_look(home: House) -> None:
    suite = home.clinic.suite
    raw = Inbound("POST", f"{suite.public_url}/hooks/nobody/x?sig=1", (("X-Signature", "s3cret"),),
                  json.dumps({"phone": NUMBER}).encode(), suite.now())  # fmt: skip
    with suite.database.write(home.clinic.workspace) as tx:
        name = inbox.keep(tx, raw, "nobody", "unreadable")
    owner, viewer = home.person("owner"), home.person("viewer", "v@example.org")

    assert name in owner.get("/developers/inbox?state=unreadable").text
    assert name not in owner.get("/developers/inbox?state=read").text
    assert NUMBER in owner.get(f"/developers/inbox/{name}").text
    assert "s3cret" not in owner.get(f"/developers/inbox/{name}").text
    assert NUMBER not in viewer.get(f"/developers/inbox/{name}").text
    assert post(viewer, f"/developers/inbox/{name}/again").status_code == 403
    assert owner.get("/developers/inbox/inb_nothing").status_code == 404


@pytest.mark.parametrize("language", ["fr", "en"])
def test_what_programs_called_is_shown(home: House, language: str) -> None:
    suite = home.clinic.suite
    with suite.database.write(home.clinic.workspace) as tx:
        _, key = access.add_key(tx, "Agenda", suite.now(), test=True)
    calls, owner = home.visitor(), home.person("owner", language=language)
    calls.get("/v1/messages", headers={"Authorization": f"Bearer {key}"})
    calls.get("/v1/messages/msg_x", headers={"Authorization": f"Bearer {key}"})

    page = owner.get("/developers/requests?kind=refused").text
    assert "/v1/messages/{id}" in page
    assert 'href="/errors/not_found"' in page
    assert "/v1/messages</code>" not in page
    assert owner.get("/developers").text.count('class="chart-') >= 2


def test_production_is_a_list_whose_points_have_one_fix(home: House) -> None:
    owner = home.person("owner")
    page = owner.get("/settings/production").text
    signs = re.findall(r"tick-sign tick-(\w+)", page)
    assert len(signs) == 9
    assert "relance backup" in page
    assert "RELANCE_PUBLIC_URL" in page
    assert home.person("editor", "e@example.org").get("/settings/production").status_code == 403

    suite = home.clinic.suite
    with suite.database.write(home.clinic.workspace) as tx:
        house.set_value(tx, "backup", True, suite.now())
        house.set_value(tx, "housekeeping", True, suite.now())
    done = re.findall(r"tick-sign tick-(\w+)", owner.get("/settings/production").text)
    assert done.count("ok") > signs.count("ok")


def test_an_alert_is_heard_by_who_listens_to_all_that_needs_a_person(home: House) -> None:
    suite = home.clinic.suite
    patient = checkup.Patient(suite, "fr", workspace=home.clinic.workspace)
    assert checkup.alerts(patient).result == "warning"
    page = home.person("owner").get("/developers/webhooks?for=alerts").text
    ticked = re.findall(r'value="([\w.]+)" checked', page)
    with suite.database.write(home.clinic.workspace) as tx:
        webhooks.add(tx, suite.vault, "https://hook.example/", [one for one in ticked if one in notices.EVENTS],
                     "whsec_eA==", suite.now())  # fmt: skip
    assert checkup.alerts(patient).found == "quelqu'un écoute"
