"""`/p/<code>`: a small page for whoever holds its address. Nothing on it comes from elsewhere, and no script runs."""

from __future__ import annotations

import math

from flask import Flask, Response, current_app, render_template, request
from werkzeug.urls import iri_to_uri

from core.domain.errors import RelanceError
from core.domain.pages import Action
from core.engine import landing
from core.engine.landing import Over, Seen
from core.storage import pages
from core.web.access import Access, allow
from core.web.app import current_suite
from core.web.limits import Buckets, TooFast

PER_SECOND, BURST = 20.0, 300.0
UNKNOWN_COSTS, FORM_COSTS = 10.0, 5.0
"""What a code that leads nowhere, and a form that is sent, cost of that."""
CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def register(app: Flask) -> None:
    app.extensions["relance_pages"] = Buckets(PER_SECOND, BURST)
    for path, view, methods in (
        ("/p/<code>", shown, ["GET"]),
        ("/p/<code>", sent, ["POST"]),
        ("/p/<code>/go", go, ["GET"]),
        ("/p/<code>/picture", picture, ["GET"]),
    ):
        app.add_url_rule(path, f"landing.{view.__name__}", allow(Access.PUBLIC)(view), methods=methods)


def shown(code: str) -> Response:
    """The page, in the language of whom it is for. It is counted like a click."""
    seen = _seen(code)
    if isinstance(seen, Response):
        return seen
    landing.count(current_suite(), seen, request.method, _headers())
    return _page(seen)


def sent(code: str) -> Response:
    """The page's own form: a yes, or the wish for a code."""
    _not_too_fast(FORM_COSTS)
    seen = _seen(code)
    if isinstance(seen, Response):
        return seen
    suite, form = current_suite(), request.form
    if seen.action is Action.COUPON:
        return _page(seen, coupon=landing.coupon(suite, seen), asked=True)
    if seen.action is not Action.JOIN:
        return _page(seen)
    try:
        if form.get("verification"):
            state = landing.check_code(suite, seen, form["verification"], form.get("code", ""), _address(code))
            if state == "wrong":
                return _page(seen, verification=form["verification"], wrong="wrong", status=422)
            return _page(seen, joined=True) if state == "approved" else _page(seen, wrong=state, status=422)
        if form.get("yes") != "1":
            return _page(seen, wrong="tick", status=422)
        if seen.number is not None:
            landing.join(suite, seen, _address(code))
            return _page(seen, joined=True)
        started = landing.ask_code(suite, seen, form.get("number", "")[:40], request.remote_addr)
    except TooFast:
        raise
    except RelanceError as error:
        if error.status >= 500:
            raise
        return _page(seen, wrong="number", status=422)
    return _page(seen, verification=started)


def go(code: str) -> Response:
    """The button of a page leads to where the workspace wrote, and is counted."""
    seen = _seen(code)
    if isinstance(seen, Response):
        return seen
    if seen.leads_to is None or seen.action is Action.CALL:
        return _page(seen)
    landing.pressed(current_suite(), seen, request.method, _headers())
    return _armoured(Response(status=302, headers={"Location": iri_to_uri(seen.leads_to)}))


def picture(code: str) -> Response:
    """The picture of a page that is open."""
    _not_too_fast(1.0)
    with current_suite().database.read() as tx:
        found = pages.picture(tx, code[:24])
    if found is None:
        return _nothing(404)
    answer = Response(found[1], content_type=f"image/{found[0]}")
    answer.headers["Cache-Control"] = "public, max-age=3600"
    return _armoured(answer)


# ---------------------------------------------------------------------------------------------- pieces


def _seen(code: str) -> Seen | Response:
    _not_too_fast(1.0)
    asked = {"asked": request.args.get("lang"), "browser": next(iter(request.accept_languages.values()), None)}
    try:
        seen = landing.look(current_suite(), code, request.values.get("rl", "")[:40], asked)
    except Over:
        return _nothing(410)
    if seen is None:
        _not_too_fast(UNKNOWN_COSTS)
        return _nothing(404)
    return seen


def _page(seen: Seen, *, status: int = 200, wrong: str | None = None, **more: object) -> Response:
    said = _WORDS.get(seen.language, _WORDS["en"])
    body = render_template(
        "landing.html", seen=seen, words=seen.words, said=said, wrong=said[f"wrong_{wrong}"] if wrong else None,
        led=request.values.get("rl", "")[:40] if seen.message else "", number=request.form.get("number", "")[:40],
        **{"coupon": None, "asked": False, "joined": False, "verification": None, **more},
    )  # fmt: skip
    return _armoured(Response(body, status, content_type="text/html; charset=utf-8"))


def _nothing(status: int) -> Response:
    language = request.accept_languages.best_match(tuple(_WORDS), default=current_suite().settings.language) or "fr"
    said = _WORDS[language]
    title, text = said["over" if status == 410 else "unknown"], said["ask_again"]
    body = render_template("landing_gone.html", language=language, title=title, text=text)
    return _armoured(Response(body, status, content_type="text/html; charset=utf-8"))


def _armoured(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = CSP
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _headers() -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _address(code: str) -> str:
    return f"{current_suite().public_url}/p/{code}"


def _not_too_fast(tokens: float) -> None:
    buckets: Buckets = current_app.extensions["relance_pages"]
    if wait := buckets.take(request.remote_addr or "?", tokens):
        raise TooFast(math.ceil(wait))


_WORDS = {
    "fr": {
        "number": "Votre numéro de mobile", "yes": "J’accepte.", "for": "Pour le numéro {number}.",
        "send": "Recevoir un code", "code": "Le code reçu par SMS", "confirm": "Confirmer",
        "joined": "C’est noté, merci. Répondez STOP à tout moment pour ne plus rien recevoir.",
        "your_code": "Votre code", "no_code": "Il n’y a plus de code, ou ce code est personnel : ouvrez cette page "
        "par le lien que vous avez reçu.",
        "wrong_tick": "Cochez la case pour accepter.", "wrong_number": "Ce numéro ne convient pas.",
        "wrong_wrong": "Ce n’est pas le bon code.",
        "wrong_expired": "Ce code n’est plus valable : demandez-en un autre.",
        "wrong_too_many": "Trop d’essais : demandez un autre code.",
        "unknown": "Cette page n’existe pas", "over": "Cette page n’est plus en ligne",
        "ask_again": "Demandez une nouvelle adresse à la personne qui vous a écrit.",
    },
    "en": {
        "number": "Your mobile number", "yes": "I agree.", "for": "For the number {number}.",
        "send": "Get a code", "code": "The code that you received", "confirm": "Confirm",
        "joined": "Noted, thank you. Answer STOP at any time to receive nothing more.",
        "your_code": "Your code", "no_code": "No code is left, or it is personal: open this page by the link that you "
        "received.",
        "wrong_tick": "Tick the box to agree.", "wrong_number": "This number does not suit.",
        "wrong_wrong": "This is not the right code.", "wrong_expired": "This code is over: ask for another one.",
        "wrong_too_many": "Too many tries: ask for another code.",
        "unknown": "There is no such page", "over": "This page is no longer online",
        "ask_again": "Ask whoever wrote to you for a new address.",
    },
    "es": {
        "number": "Su número de móvil", "yes": "Acepto.", "for": "Para el número {number}.",
        "send": "Recibir un código", "code": "El código recibido por SMS", "confirm": "Confirmar",
        "joined": "Anotado, gracias. Responda STOP en cualquier momento para no recibir nada más.",
        "your_code": "Su código", "no_code": "No queda ningún código, o es personal: abra esta página con el enlace "
        "que recibió.",
        "wrong_tick": "Marque la casilla para aceptar.", "wrong_number": "Este número no es válido.",
        "wrong_wrong": "No es el código correcto.", "wrong_expired": "Este código ha caducado: pida otro.",
        "wrong_too_many": "Demasiados intentos: pida otro código.",
        "unknown": "Esta página no existe", "over": "Esta página ya no está en línea",
        "ask_again": "Pida una nueva dirección a quien le escribió.",
    },
    "it": {
        "number": "Il suo numero di cellulare", "yes": "Accetto.", "for": "Per il numero {number}.",
        "send": "Ricevere un codice", "code": "Il codice ricevuto per SMS", "confirm": "Confermare",
        "joined": "Fatto, grazie. Risponda STOP in qualsiasi momento per non ricevere più nulla.",
        "your_code": "Il suo codice", "no_code": "Non ci sono più codici, o il codice è personale: apra questa pagina "
        "dal link ricevuto.",
        "wrong_tick": "Spunti la casella per accettare.", "wrong_number": "Questo numero non va bene.",
        "wrong_wrong": "Il codice non è giusto.", "wrong_expired": "Questo codice è scaduto: ne chieda un altro.",
        "wrong_too_many": "Troppi tentativi: chieda un altro codice.",
        "unknown": "Questa pagina non esiste", "over": "Questa pagina non è più in linea",
        "ask_again": "Chieda un nuovo indirizzo a chi le ha scritto.",
    },
    "de": {
        "number": "Ihre Handynummer", "yes": "Ich stimme zu.", "for": "Für die Nummer {number}.",
        "send": "Code anfordern", "code": "Der Code aus der SMS", "confirm": "Bestätigen",
        "joined": "Notiert, vielen Dank. Antworten Sie jederzeit STOP, um nichts mehr zu erhalten.",
        "your_code": "Ihr Code", "no_code": "Es ist kein Code mehr da, oder er ist persönlich: Öffnen Sie diese Seite "
        "über den Link, den Sie erhalten haben.",
        "wrong_tick": "Bitte setzen Sie das Häkchen.", "wrong_number": "Diese Nummer passt nicht.",
        "wrong_wrong": "Das ist nicht der richtige Code.", "wrong_expired": "Dieser Code gilt nicht mehr: Fordern Sie "
        "einen neuen an.",
        "wrong_too_many": "Zu viele Versuche: Fordern Sie einen neuen Code an.",
        "unknown": "Diese Seite gibt es nicht", "over": "Diese Seite ist nicht mehr online",
        "ask_again": "Bitten Sie um eine neue Adresse bei wem Ihnen geschrieben hat.",
    },
}  # fmt: skip
