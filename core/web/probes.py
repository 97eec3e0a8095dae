"""For those who watch the house: does the process live, is it ready, and how much went through it."""

from __future__ import annotations

from datetime import timedelta

import orjson
from flask import Flask, Response, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core.domain.errors import RelanceError
from core.storage import figures, house
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
    if not local or suite.settings.trusted_proxies:
        require_key("metrics")
    with suite.database.read() as tx:
        found = figures.read(tx, suite.now())
    registry = CollectorRegistry()
    registry.register(_Figures(found))
    return Response(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8")


class _Figures(Collector):
    """The ledger's figures, as Prometheus wants them. No label holds a number, a name or a text."""

    def __init__(self, found: figures.Figures) -> None:
        self._found = found

    def collect(self) -> list[Metric]:
        messages = GaugeMetricFamily("relance_messages", "Messages by state", labels=["state", "class"])
        for (state, klass), count in self._found.messages.items():
            messages.add_metric([state, klass], count)
        attempts = CounterMetricFamily(
            "relance_attempts", "Hand-overs by provider, channel and outcome", labels=["provider", "channel", "outcome"]
        )
        for (provider, channel, outcome), count in self._found.attempts.items():
            attempts.add_metric([provider, channel, outcome], count)
        installations = GaugeMetricFamily("relance_installations", "Connections", labels=["adapter", "state"])
        for (adapter, state), count in self._found.installations.items():
            installations.add_metric([adapter, state], count)
        deliveries = GaugeMetricFamily("relance_webhook_deliveries", "Outgoing webhooks by state", labels=["state"])
        for state, count in self._found.deliveries.items():
            deliveries.add_metric([state], count)
        late = GaugeMetricFamily("relance_overdue_seconds", "Age of the message that has been due the longest")
        late.add_metric([], self._found.overdue.total_seconds())
        return [messages, attempts, installations, deliveries, late]


def _json(status: int, body: object) -> Response:
    return Response(orjson.dumps(body), status, content_type="application/json")
