"""What every demonstration needs: a workspace of its own, and somebody who may sign in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.settings import generated_password
from core.storage import access, house
from core.suite import Suite

WHO = "relance demo"


def workspace(suite: Suite, name: str, settings: Mapping[str, Any]) -> str:
    """The workspace of that name, made if it is not there; its id."""
    with suite.database.write() as tx:
        for one in house.workspaces(tx):
            if one["name"] == name:
                return str(one["id"])
        settings = {"language": suite.settings.language, **settings}
        return house.add_workspace(tx, name, settings, suite.now(), test=True)


def person(suite: Suite, workspace_id: str, email: str) -> str:
    """Its owner with a new password, which is returned."""
    password = generated_password()
    with suite.database.write(workspace_id) as tx:
        known = next((one["id"] for one in access.members(tx) if one["email"] == email), None)
        if known:
            access.set_password(tx, known, password)
        else:
            access.add_user(tx, email, password, "owner", suite.settings.language, suite.now(), name="Démo")
    return password
