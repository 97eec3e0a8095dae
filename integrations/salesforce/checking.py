"""What must be well in the org, and the page of its Setup where each thing is mended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from core.contract import Check, Installation
from core.domain.errors import NotNow
from core.domain.reasons import Reason
from integrations.salesforce.client import DEFAULT_VERSION, Client, SalesforceSaysNo
from integrations.salesforce.pulling import wanted
from integrations.salesforce.shapes import Shape
from integrations.salesforce.writing import BY, MESSAGE

OLD_VERSIONS = 6
"""So many from the oldest end, a version's retirement has been, or soon will be, announced."""
NEARLY_SPENT = 0.6
_SETUP = "/lightning/setup"
APPS = f"{_SETUP}/ConnectedApplication/home"
PERMISSIONS = f"{_SETUP}/PermSets/home"
COMPANY = f"{_SETUP}/CompanyProfileInfo/home"
PACKAGES = f"{_SETUP}/ImportedPackage/home"


def check(client: Client, shape: Callable[[str], Shape | None], installation: Installation,
          now: datetime) -> tuple[Check, ...]:  # fmt: skip
    """A few quick calls that change nothing. Raises `NeedsReconnect`, `NotNow`."""
    home = str(installation.config.get("instance_url") or "")
    return (
        _token(installation, home), _version(client, installation), _budget(client, home), _scopes(installation, home),
        *_package(shape, home), *_fields(shape, installation, home),
    )  # fmt: skip


def _token(installation: Installation, home: str) -> Check:
    """That we are here at all says that the token works; how long the grant lives is the app's policy."""
    if installation.config.get("way") == "jwt":
        return Check("token")
    kept = installation.secrets.get("refresh_token")
    return Check("token") if kept else Check("token", "problem", Reason("salesforce_no_refresh_token"), home + APPS)


def _version(client: Client, installation: Installation) -> Check:
    ours = str(installation.config.get("api_version") or DEFAULT_VERSION)
    try:
        known = sorted(client.versions(), key=_number)
    except SalesforceSaysNo as error:
        return Check("version", "warning", error.reason)
    if ours not in known:
        return Check("version", "problem", Reason("salesforce_version_over", {"version": ours}))
    if ours in known[:OLD_VERSIONS]:
        return Check("version", "warning", Reason("salesforce_version_old", {"version": ours, "newest": known[-1]}))
    return Check("version")


def _number(version: str) -> float:
    try:
        return float(version)
    except ValueError:
        return 0.0


def _budget(client: Client, home: str) -> Check:
    try:
        daily = client.limits().get("DailyApiRequests") or {}
        most, left = int(daily.get("Max", 0)), int(daily.get("Remaining", 0))
    except (SalesforceSaysNo, ValueError, TypeError, AttributeError):
        return Check("budget", "warning", Reason("salesforce_limits_hidden"), home + COMPANY)
    except NotNow as error:
        return Check("budget", "problem", error.reason, home + COMPANY)
    share = (most - left) / most if most else 0.0
    if share < NEARLY_SPENT:
        return Check("plan")
    why = Reason("salesforce_budget_low", {"used": most - left, "most": most})
    return Check("budget", "problem" if share >= 0.98 else "warning", why, home + COMPANY)


def _scopes(installation: Installation, home: str) -> Check:
    granted = installation.config.get("scopes")
    if installation.config.get("way") == "jwt" or granted is None or {"full", "api"} & set(granted):
        return Check("scopes")
    return Check("scopes", "problem", Reason("salesforce_scope_missing", {"scope": "api"}), home + APPS)


def _package(shape: Callable[[str], Shape | None], home: str) -> tuple[Check, ...]:
    message, task = shape(MESSAGE), shape("Task")
    found = [Check("app_installed") if message is not None and BY in message.types
             else Check("package", "warning", Reason("salesforce_package_absent"), home + PACKAGES)]  # fmt: skip
    if task is None or "Subject" not in task.types:
        found.append(Check("tasks", "warning", Reason("salesforce_no_tasks"), home + PERMISSIONS))
    return tuple(found)


def _fields(shape: Callable[[str], Shape | None], installation: Installation, home: str) -> tuple[Check, ...]:
    found: list[Check] = []
    stated = installation.config.get("objects") or {}
    for name in wanted(installation):
        here = f"{home}{_SETUP}/ObjectManager/{name}/FieldsAndRelationships/view"
        shaped = shape(name)
        if shaped is None:
            if name in stated:
                why = Reason("salesforce_object_absent", {"object": name})
                found.append(Check(f"object:{name}", "problem", why, home + PERMISSIONS))
            continue
        if shaped.is_blocked is not None:
            why = Reason("salesforce_opt_out_absent", {"object": name, "field": shaped.is_blocked})
            found.append(Check(f"opt_out:{name}", "problem", why, here))
        elif shaped.person is None and shaped.mapped.is_person:
            found += _opt_out(shaped, name, here)
        wrong = [one for one in shaped.problems() if one.values.get("field") != shaped.is_blocked]
        found += [Check(f"field:{name}", "problem", one, here) for one in wrong]
    return tuple(found)


def _opt_out(shape: Shape, name: str, here: str) -> list[Check]:
    if not shape.refusing:
        return [Check(f"opt_out:{name}", "warning", Reason("salesforce_no_opt_out_field", {"object": name}), here)]
    if any(field in shape.writable for field, _ in shape.refusing):
        return []
    why = Reason("salesforce_opt_out_read_only", {"object": name, "field": shape.refusing[0][0]})
    return [Check(f"opt_out:{name}", "problem", why, here)]
