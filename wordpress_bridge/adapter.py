"""A WordPress site: connected by a code or by one click, telling what happens through its plugin, asking for codes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import available_timezones

from core.contract import (
    Answers,
    Arrived,
    Asked,
    Asks,
    Box,
    Check,
    Checks,
    Configured,
    Connects,
    Download,
    Grant,
    HandsOver,
    Inbound,
    Installation,
    Installs,
    Leaving,
    Manifest,
    Offers,
    Option,
    Question,
    Reading,
    Reply,
    Result,
    Reward,
    Rewards,
    SharedSecret,
    ShowsBox,
    Start,
)
from core.domain.errors import BadInput, InvalidNumber, NotAuthentic, NotNow, RelanceError, Unsupported
from core.domain.events import Kind
from core.domain.messages import State
from core.domain.reasons import Reason
from core.domain.recipients import Recipient
from wordpress_bridge import archive, coupons, happenings, site, wire

APP_ID = "7c1f5a7e-3d52-4b8e-9b57-6a1c0b9f2d11"
"""The product's own name for WordPress's list of application passwords: fixed for ever."""
WAIT_FOR_PLUGIN = timedelta(minutes=5)
_COUNTRY = re.compile("[A-Z]{2}")
_KEPT = ("rest", "authorize", "signing_secret", "connection_key", "user_login", "application_password")


class WordPress(Answers, Asks, Connects, HandsOver, Checks, Offers, Installs, ShowsBox, Rewards):
    """Forms, members, comments, carts, orders, posts and opt-ins of a WordPress site."""

    manifest = Manifest(
        slug="wordpress_bridge", name="WordPress", auth=(SharedSecret("X-Relance-Signature"),),
        kinds=frozenset({Kind.FORM, Kind.CONTACT, Kind.CART, Kind.ORDER, Kind.CAMPAIGN, Kind.REQUEST}))

    asked = (
        Asked("url", {"fr": "Adresse du site", "en": "Address of the site"},
              {"fr": "Le site doit être en https, et l'extension Relance y être installée.",
               "en": "The site must use https, and the Relance plugin must be installed there."},
              example="https://www.exemple.fr"),
    )

    typed = asked

    box = Box(
        {"fr": "La boutique peut me rappeler mon panier et m'envoyer ses offres par SMS. Je peux arrêter à tout moment "
               "en répondant STOP.",
         "en": "The shop may remind me of my cart and send me offers by text message. I can stop at any time by "
               "answering STOP."},
        {"fr": "Sous le téléphone, à la caisse de la boutique, et dans le bloc « Inscription aux SMS ».",
         "en": "Below the telephone, at the shop's checkout, and in the block “SMS opt-in”."},
        {"fr": "Sur votre site : Réglages > Relance. Vous pouvez y écrire votre propre phrase, sous « Commande ».",
         "en": "On your site: Settings > Relance. You may write a sentence of your own there, under “Checkout”."})

    # Connecting ---------------------------------------------------------------------------------------------------

    def configured(self, config: Mapping[str, Any]) -> Configured:
        """`{"url"}`; with `{"new_code": true}` a connection gets another code. Raises `BadInput`."""
        home = site.address(config.get("url"), "/config/url")
        if unknown := sorted(set(config) - {"url", "new_code", "zone", "country", "scopes", *_KEPT}):
            raise BadInput("wordpress_setting_unknown", pointer=f"/config/{unknown[0]}", setting=unknown[0][:40])
        new = config.get("new_code", False)
        if not isinstance(new, bool):
            raise BadInput("wordpress_setting_wrong", pointer="/config/new_code", setting="new_code")
        secrets = {
            "signing_secret": config.get("signing_secret") or wire.new_key(),
            "connection_key": wire.new_key() if new else config.get("connection_key") or wire.new_key(),
        }
        secrets |= {name: config[name] for name in ("user_login", "application_password") if config.get(name)}
        shown = {"url": home, **{name: config[name] for name in ("rest",) if config.get(name)}}
        zone, country = config.get("zone"), config.get("country")
        if zone is not None and (not isinstance(zone, str) or zone not in available_timezones()):
            raise BadInput("zone_unknown", pointer="/config/zone", zone=str(zone)[:40])
        if country is not None and (not isinstance(country, str) or not _COUNTRY.fullmatch(country)):
            raise BadInput("country_unknown", pointer="/config/country", text=str(country)[:20])
        return Configured(shown, secrets, account=site.account(home), zone=zone, country=country)

    def handed(self, installation: Installation) -> Mapping[str, str]:
        """What the site must be given: the connection code until it is used, and the secret for other senders."""
        key = installation.secrets.get("connection_key")
        secret = installation.secrets.get("signing_secret")
        said = {"signing_secret": secret} if secret else {}
        if key and installation.memory.get("used") != wire.mark(key):
            said["connection_code"] = wire.code(installation.hook_url, key)
        return said

    # One click: an application password that is used for one call, and given back ----------------------------------

    def given(self, answers: Mapping[str, str]) -> Mapping[str, Any]:
        return {"url": site.address(answers.get("url"))}

    def discover(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Where the site's REST interface is, and its page for granting. Raises `BadInput`, `NotNow`."""
        home = given["url"]
        page = self.tools.fetch(f"{home}/", headers={"Accept": "text/html"}, max_bytes=site.MOST)
        if 300 <= page.status < 400 and site.same_host(home, moved := page.headers.get("location", "")):
            home = site.address(moved)
            page = self.tools.fetch(f"{home}/", headers={"Accept": "text/html"}, max_bytes=site.MOST)
        rest = site.rest_of(home, page.headers)
        index = self.tools.fetch(rest, headers={"Accept": "application/json"}, max_bytes=site.MOST)
        authorize = site.authorization(site.spoken(index.body))
        if not site.same_host(home, authorize):
            raise BadInput("wordpress_other_host", pointer="/url", url=home, host=urlsplit(authorize).netloc)
        return {"url": home, "rest": rest, "authorize": authorize}

    def leave(self, given: Mapping[str, Any], start: Start) -> Leaving:
        back = urlsplit(start.redirect_uri)
        if back.scheme != "https" and back.hostname not in ("127.0.0.1", "::1"):
            # WordPress shows its page of errors then, and never calls us.
            raise BadInput("needs_https")
        back_to = f"{start.redirect_uri}?{urlencode({'state': start.state})}"
        query = urlencode({"app_name": "Relance", "app_id": APP_ID, "success_url": back_to})
        return Leaving(f"{given['authorize']}{'&' if '?' in given['authorize'] else '?'}{query}", given)

    def arrived(self, callback: Inbound, kept: Mapping[str, Any], posted: Mapping[str, Any] | None) -> Arrived:
        """The password comes in the address, with blanks or without. `site_url` is believed of nobody."""
        answer = callback.query()
        if answer.get("success") == "false" or answer.get("error"):
            raise BadInput("wordpress_passwords_off" if answer.get("error") == "disabled" else "access_denied")
        user, password = answer.get("user_login", ""), "".join(answer.get("password", "").split())
        if not user or not 16 <= len(password) <= 64:
            raise BadInput("code_missing")
        return Arrived(secrets={"user_login": user[:100], "application_password": password})

    def granted(self, grant: Grant, now: datetime) -> Configured:
        """The password must open the site that was started with: a public route's 200 proves nothing."""
        rest = str(grant.kept["rest"])
        status, me = site.call(self.tools.call, "GET", site.route(rest, "/wp/v2/users/me") + _and(rest, "context=edit"),
                               site.basic(grant.secrets["user_login"], grant.secrets["application_password"]))
        if status != 200 or not isinstance(me, dict) or not isinstance(me.get("capabilities"), dict):
            raise BadInput("wordpress_password_refused", status=status)
        if me["capabilities"].get("manage_options") is not True:
            raise BadInput("wordpress_not_an_administrator", user=str(me.get("name", ""))[:60])
        return self.configured({"url": grant.kept["url"], "rest": rest, **grant.secrets})

    def maintain(self, installation: Installation, now: datetime,
                 remember: Callable[[Mapping[str, Any]], None]) -> timedelta:
        """After one click: hands the plugin its code, then gives the password back, which could do far more."""
        user, password = (installation.secrets.get(name) for name in ("user_login", "application_password"))
        rest = installation.config.get("rest")
        if not (user and password and rest) or "connection_code" not in self.handed(installation):
            return timedelta(days=1)
        proof = site.basic(user, password)
        code = self.handed(installation)["connection_code"]
        status, said = site.call(self.tools.call, "POST", site.route(rest, "/relance/v1/connect"), proof,
                                 {"code": code})
        if status == 404:
            return WAIT_FOR_PLUGIN
        if status != 200:
            word = said.get("code", "") if isinstance(said, dict) else ""
            raise NotNow("wordpress_handover_failed", timedelta(hours=1), status=status, said=str(word)[:60])
        self._give_back(rest, proof)
        return timedelta(days=1)

    def _give_back(self, rest: str, proof: Mapping[str, str]) -> None:
        own = site.route(rest, "/wp/v2/users/me/application-passwords")
        status, entry = site.call(self.tools.call, "GET", f"{own}/introspect", proof)
        if status == 200 and isinstance(entry, dict) and isinstance(entry.get("uuid"), str):
            site.call(self.tools.call, "DELETE", f"{own}/{entry['uuid']}", proof)

    def uninstall(self, installation: Installation) -> tuple[Reason, ...]:
        """Tells the plugin, so that its page says so; the site is asked for nothing else."""
        rest, secret = installation.memory.get("rest"), installation.secrets.get("signing_secret")
        if not rest or not secret:
            return ()
        try:
            status, _ = site.call(self.tools.call, "POST", site.route(rest, "/relance/v1/gone"),
                                  {"X-Relance-Signature": wire.farewell(secret)}, {})
        except RelanceError:
            status = 0
        # 404: the plugin is gone already. 401: it has another connection by now.
        return () if status in (200, 401, 403, 404) else (Reason("wordpress_not_told"),)

    def revoke(self, installation: Installation) -> tuple[Reason, ...] | None:
        """A password that was never used for its one call goes back unused."""
        user, password = (installation.secrets.get(name) for name in ("user_login", "application_password"))
        rest = installation.config.get("rest")
        if user and password and rest:
            try:
                self._give_back(rest, site.basic(user, password))
            except RelanceError:
                return (Reason("wordpress_password_left"),)
        return ()

    def check(self, installation: Installation, now: datetime) -> tuple[Check, ...]:
        """Is the plugin there, and did it use its code?"""
        connected = bool(installation.memory.get("connected_at"))
        missing = Reason("wordpress_plugin_missing")
        checks = [Check("app_installed") if connected else Check("app_installed", "problem", missing)]
        version = str(installation.memory.get("version", ""))
        if connected and version != archive.version():
            checks.append(Check("version", "warning", Reason(
                "wordpress_plugin_old", {"there": version or "?", "here": archive.version()})))
        return tuple(checks)

    def downloads(self) -> tuple[Download, ...]:
        return (Download("plugin.zip", f"relance-{archive.version()}.zip", "application/zip", archive.build),)

    # What happens there -------------------------------------------------------------------------------------------

    def verify(self, request: Inbound, installation: Installation) -> None:
        """The signature over the raw bytes; `connect` is signed by the code's key, once."""
        if wire.topic(request, installation) != "connect":
            wire.verify(request, str(installation.secrets.get("signing_secret", "")))
            return
        key = str(installation.secrets.get("connection_key", ""))
        wire.verify(request, key)
        if installation.memory.get("used") == wire.mark(key):
            raise NotAuthentic("this code was used already")

    def parse(self, request: Inbound, installation: Installation) -> Reading:
        topic = wire.topic(request, installation)
        if topic == "connect":
            return self._connected(request, installation)
        if topic != "events":
            raise Unsupported(topic[:40])
        told = list(happenings.told(request, installation))
        if not any(one.known for one in told):
            raise Unsupported("events")
        return Reading(
            events=tuple(event for one in told for event in one.events), delivery=wire.delivery(request),
            consents=tuple(word for one in told for word in one.consents),
            erasures=tuple(erasure for one in told for erasure in one.erasures),
            gone=any(one.gone for one in told))

    def _connected(self, request: Inbound, installation: Installation) -> Reading:
        """The code is exchanged for the secret: once, whoever asks a second time."""
        said = wire.document(request)
        key, secret = (str(installation.secrets.get(name, "")) for name in ("connection_key", "signing_secret"))
        rest = said.get("rest")
        memory = {
            **installation.memory, "used": wire.mark(key), "connected_at": request.received_at.isoformat(),
            **{name: str(said.get(name, ""))[:100] for name in ("site", "version", "wp", "php")},
            "shop": said.get("shop") is True,
            **({"rest": rest[:500]} if isinstance(rest, str) and site.same_host(installation.config["url"], rest)
               else {}),
        }
        answer = {"secret": secret, "name": installation.name, "country": installation.country,
                  "language": installation.language}
        return Reading(reply=_json(200, answer), delivery=f"connect-{wire.mark(key)}", memory=memory, once=True)

    def answer(self, request: Inbound, reading: Reading, results: Sequence[Result]) -> Reply:
        """A sentence for each event of the plugin: its page shows the last twenty."""
        if reading.once:
            return reading.reply
        language = "en" if wire.document(request).get("language") == "en" else "fr"
        left, said = iter(results), {}
        for one in happenings.told(request, _ANYBODY):
            mine = [_sentence(result, language) for _, result in zip(one.events, left, strict=False)]
            said[one.id] = " · ".join(dict.fromkeys(mine[:5]))
        return _json(200, {"results": said})

    # What it asks while a person waits -----------------------------------------------------------------------------

    def question(self, request: Inbound, installation: Installation) -> Question | None:
        topic = wire.topic(request, installation)
        if topic == "code/start":
            said = wire.document(request)
            names = {"number": "phone", "country": "country", "ip": "ip", "language": "language",
                     "purpose": "purpose", "signed_in": "signed_in"}
            return Question("start_code", arguments={
                name: str(said.get(field, ""))[:60] for name, field in names.items() if said.get(field)})
        if topic == "code/check":
            said = wire.document(request)
            return Question("check_code", arguments={
                name: str(said.get(name, ""))[:80] for name in ("verification", "code")})
        return None

    def options(self, request: Inbound, question: Question, found: Sequence[Option], after: str | None,
                trouble: Reason | None) -> Reply:
        if trouble is not None or not found:
            reason = trouble or Reason("wordpress_unreadable", {"what": question.what})
            return _json(400, reason.as_json())
        if question.what == "check_code":
            return _json(200, {"verification": found[0].id, "state": found[0].label})
        arguments = question.arguments
        try:
            number = Recipient.parse(arguments.get("number", ""), arguments.get("country")).number
        except InvalidNumber as error:
            return _json(400, error.reason.as_json())
        return _json(200, {"verification": found[0].id, "state": found[0].label, "number": number})

    # Discount codes for one person ---------------------------------------------------------------------------------

    def reward(self, installation: Installation, wanted: Reward, now: datetime) -> None:
        """Asks the plugin for a coupon of WooCommerce. Those that are over it deletes itself."""
        coupons.made(self.tools.call, installation, wanted, now)


# How many events one of the plugin's becomes is the same whoever asks; their words are not used.
_ANYBODY = Installation("", "", "wordpress_bridge", "", {}, {}, {}, "UTC", "FR", "fr", "")

_WORDS = {
    State.SCHEDULED: {"fr": "message prévu", "en": "message planned"},
    State.SENDING: {"fr": "message en cours d'envoi", "en": "message on its way"},
    State.UNCERTAIN: {"fr": "message en cours d'envoi", "en": "message on its way"},
    State.SENT: {"fr": "message envoyé", "en": "message sent"},
    State.DELIVERED: {"fr": "message remis", "en": "message delivered"},
    State.READ: {"fr": "message lu", "en": "message read"},
}


def _sentence(result: Result, language: str) -> str:
    """What became of an event, for the page over there."""
    words = _WORDS.get(result.state)
    if words is not None:
        return words[language]
    return result.reason.sentence(language) if result.reason else str(result.state)


def _json(status: int, said: Mapping[str, Any]) -> Reply:
    # What a site calls its event may be no text at all, and is said back.
    written = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Reply(status, written, "application/json; charset=utf-8")


def _and(address: str, query: str) -> str:
    return f"{'&' if '?' in address else '?'}{query}"
