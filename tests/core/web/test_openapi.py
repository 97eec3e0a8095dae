"""The OpenAPI document is true: every route, status and schema, tried with what it says and what it forbids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from core.web.api.described import SCHEMAS
from core.web.documents import all_routes, document
from core.web.limits import Buckets
from tests.support.running import Running


@pytest.fixture(scope="module")
def relance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("openapi")) as running:
        running.app.extensions["relance_limits"] = Buckets(1e6, 1e6)
        yield running


API = schemathesis.openapi.from_dict(document("http://127.0.0.1"))
OPERATIONS: dict[str, Any] = {one.ok().label: one.ok() for one in API.get_all_operations() if isinstance(one, Ok)}
TRUE = [status_code_conformance, content_type_conformance, response_schema_conformance]
CASES = [
    (label, mode)
    for label in sorted(OPERATIONS)
    for mode in schemathesis.GenerationMode
    # A probe takes nothing, so that nothing can be wrong in it.
    if mode is schemathesis.GenerationMode.POSITIVE or label.partition(" ")[2].startswith("/v1/")
]


@pytest.mark.parametrize("label, mode", CASES, ids=lambda value: str(getattr(value, "value", value)))
def test_the_server_does_what_the_document_says(
    label: str, mode: schemathesis.GenerationMode, relance: Running
) -> None:
    headers = {"Authorization": f"Bearer {relance.client.key}"}
    # "Not ready" is 503, and nobody's error.
    checks = TRUE if label == "GET /readyz" else [not_a_server_error, *TRUE]

    @settings(
        max_examples=4,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode))
    def tried(case: Any) -> None:
        case.call_and_validate(base_url=relance.url, headers=headers, checks=checks)

    tried()


def test_every_schema_that_a_route_gives_is_described(relance: Running) -> None:
    for route in all_routes():
        for name in (route.gives, route.dry_gives):
            assert name is None or name in SCHEMAS, (route.path, name)
        assert (route.gives is None) == (route.status == 204), route.path


def test_the_document_and_its_page_need_nobody_else(relance: Running) -> None:
    said = relance.client.get("/openapi.json")
    assert said.json()["openapi"].startswith("3.")
    assert set(said.json()["paths"]) == {*(route.path for route in all_routes()), "/healthz", "/readyz"}
    page = relance.client.get("/docs").text
    assert "<script" not in page
    assert "http" not in page.replace(relance.url, "").replace("httpStatus", "").split("<section", 1)[0]
