"""Somebody who looks at the console: a browser without a picture, signed in, that sends forms as pages do."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from core.storage import access
from core.suite import Suite
from core.web.access import SESSION_COOKIE
from core.web.app import create_app
from tests.support.clinic import Clinic
from tests.support.people import person

_apps: list[Flask] = []


def _app_of(suite: Suite) -> Flask:
    """One application for all tests of a process, with the suite of the test that runs: its templates are read once."""
    if not _apps:
        _apps.append(create_app(suite))
    _apps[0].extensions["relance"] = suite
    return _apps[0]


class Visitor:
    """A person with `role` and `language` in the clinic's workspace."""

    def __init__(self, clinic: Clinic, role: str = "owner", language: str = "fr") -> None:
        self.clinic = clinic
        self.browser = _app_of(clinic.suite).test_client()
        now = clinic.suite.now()
        with clinic.suite.database.write(clinic.workspace) as tx:
            email = f"{role}-{language}-{clinic.workspace}@example.org"
            self.id = person(tx, email, "une-phrase-longue", role, language, now)
            secret = access.begin_session(tx, self.id, clinic.workspace, now)
            known = access.person(tx, secret, now)
        assert known is not None
        self.csrf = known.csrf
        self.browser.set_cookie(SESSION_COOKIE, secret)

    def get(self, path: str) -> str:
        """The page at `path`, which must be there."""
        answer = self.browser.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:2000]}"
        return answer.text

    def post(self, path: str, *, follow: bool = True, csrf: str | None = None, **fields: Any) -> TestResponse:
        """Sends a form with the session's token, and follows to the next page."""
        form = {"csrf": self.csrf if csrf is None else csrf, **fields}
        return self.browser.post(path, data=form, follow_redirects=follow)
