"""For those who watch the house: does the process live, is it ready, and how much went through it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from math import inf
from urllib.parse import urlsplit

import orjson
from flask import Flask, Response, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from core.domain.errors import RelanceError
from core.storage import figures, house, tally
from core.storage.migrate import is_current
from core.web.access import Access, allow, require_key
from core.web.app import current_suite

SILENT = timedelta(seconds=5)
LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


def register(app: Flask) -> None:
    for path, who, view in (
        ("/healthz", Access.PUBLIC, healthz),
        ("/readyz", Access.PUBLIC, readyz),
        ("/metrics", Access.METRICS, metrics),
    ):
        app.add_url_rule(path, f"probes.{view.__name__}", allow(who)(view), methods=["GET"])


def healthz() -> Response:
    """The process lives."""
    return _json(200, {"status": "ok"})


def readyz() -> Response:
    """The database is there and migrated, and an engine ticked within five seconds."""
    suite = current_suite()
    checks = {"database": "ok", "schema": "ok", "engine": "ok"}
    try:
        with suite.database.read() as tx:
            ticked = house.moment(tx, "ticked")
        if not is_current(suite.database):
            checks["schema"] = "not migrated"
        if ticked is None or abs(suite.now() - ticked) > SILENT:
            checks["engine"] = "silent"
    except RelanceError:
        checks = {"database": "away", "schema": "unknown", "engine": "unknown"}
    good = set(checks.values()) == {"ok"}
    response = _json(200 if good else 503, {"status": "ready" if good else "not ready", "checks": checks})
    if not good:
        response.headers["Retry-After"] = "5"
    return response


def metrics() -> Response:
    """Prometheus text. From this machine, or with a key that has the scope `metrics`."""
    suite = current_suite()
    # Behind a proxy on the same machine everybody comes from loopback, so that then the key alone counts.
    local = request.environ.get("REMOTE_ADDR") in LOOPBACK and "X-Forwarded-For" not in request.headers
    # A page of a stranger's, in a browser on this machine, whose name was made to lead here says that name.
    local = local and _said_host() in (*LOOPBACK, "localhost", urlsplit(suite.public_url).hostname)
    if not local or suite.settings.trusted_proxies:
        require_key("metrics")
    now = suite.now()
    with suite.database.read() as tx:
        found = figures.read(tx, now)
    registry = CollectorRegistry()
    registry.register(_Figures(found, now))
    return Response(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8")


def _said_host() -> str | None:
    try:
        return urlsplit(f"//{request.headers.get('Host', '')}").hostname
    except ValueError:
        return None


class _Figures(Collector):
    """The house's figures, as Prometheus wants them. No label holds a number, a name or a text.

    Those of the ledger are counted when they are asked for. What senders counted was written with what they recorded,
    so that both agree at each moment, for all processes on all machines.
    """

    def __init__(self, found: figures.Figures, now: datetime) -> None:
        self._found = found
        self._now = now

    def collect(self) -> Iterator[Metric]:
        found, now = self._found, self._now
        for name, about, labels, rows in (
            ("messages", "Messages of the ledger", ("state", "class", "channel"), found.messages),
            ("installations", "Connections to platforms", ("adapter", "state"), found.installations),
            ("installations_in_trouble", "Connections with something wrong", ("adapter", "reason"), found.troubled),
            ("accounts", "Provider accounts; a held one is left in peace", ("provider", "state"), found.accounts),
            ("inbox_requests", "Received requests that are still kept", ("adapter", "state"), found.inbox),
            ("webhook_deliveries", "Outgoing webhooks", ("state",), found.deliveries),
            ("reports", "What platforms are told of their messages", ("state",), found.reports),
        ):
            gauge = GaugeMetricFamily(f"relance_{name}", about, labels=labels)
            for values, count in rows.items():
                gauge.add_metric(values, count)
            yield gauge
        overdue = GaugeMetricFamily(
            "relance_overdue_seconds", "Age of the message that has been due the longest", labels=["class"]
        )
        for klass, age in found.overdue.items():
            overdue.add_metric([klass], age.total_seconds())
        yield overdue
        silent = abs((now - found.ticked).total_seconds()) if found.ticked else inf
        for name, about, value in (
            ("pulls_late_seconds", "Age of the pull that has been due the longest", found.pulls_late.total_seconds()),
            ("engine_silent_seconds", "Since an engine last ticked", silent),
            ("database_bytes", "Size of the database", float(found.database_bytes)),
        ):
            yield GaugeMetricFamily(f"relance_{name}", about, value=value)
        attempts = CounterMetricFamily(
            "relance_attempts", "Hand-overs to providers", labels=["provider", "channel", "class", "outcome"]
        )
        for key, count in found.counted.items():
            if key[0] == "attempts":
                attempts.add_metric(key[1:], count)
        yield attempts
        waiting = CounterMetricFamily(
            "relance_waitlist", "Free times: freed, asked, no, silent, failed, taken, written, …", labels=["what"]
        )
        for key, count in found.counted.items():
            if key[0] == "waitlist":
                waiting.add_metric(key[1:], count)
        yield waiting
        yield self._histogram(
            "relance_lateness_seconds", "From due to handed over", "class", tally.LATENESS, tally.LATENESS_BOUNDS
        )
        yield self._histogram(
            "relance_provider_call_seconds", "One call of a provider", "provider", tally.CALLS, tally.CALL_BOUNDS
        )

    def _histogram(
        self, name: str, about: str, label: str, what: str, bounds: tuple[float, ...]
    ) -> HistogramMetricFamily:
        family = HistogramMetricFamily(name, about, labels=[label])
        counted = {key[1:]: count for key, count in self._found.counted.items() if key[0] == what}
        for value in sorted({key[0] for key in counted}):
            in_each = [counted.get((value, str(number)), 0) for number in range(len(bounds) + 1)]
            edges = [*(str(bound) for bound in bounds), "+Inf"]
            seconds = counted.get((value, "sum"), 0) / 1_000_000
            family.add_metric([value], list(zip(edges, accumulate(in_each), strict=True)), seconds)
        return family


def _json(status: int, body: object) -> Response:
    return Response(orjson.dumps(body), status, content_type="application/json")
