"""What an operator sets up once for the application: the workflow actions, and which events HubSpot tells us."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.contract import Published
from core.domain.errors import BadInput, Conflict
from integrations.hubspot import definitions
from integrations.hubspot.client import Developer
from integrations.hubspot.ways import OPT_OUT, PHONES

SUBSCRIPTIONS: tuple[tuple[str, str | None], ...] = (
    ("contact.deletion", None), ("contact.privacyDeletion", None), ("contact.merge", None), ("contact.restore", None),
    *(("contact.propertyChange", name) for name in (*PHONES, OPT_OUT)),
)


def publish(developer: Developer, public_url: str, *, dry_run: bool) -> list[Published]:
    """Creates what is missing and updates what differs. Twice is harmless. Raises `Conflict` when a published name
    would disappear, `BadInput` for an address that HubSpot cannot reach."""
    if not public_url.startswith("https://") and not dry_run:
        raise BadInput("hubspot_needs_https", url=public_url)
    done = [_action(developer, action, list(developer.definitions()), public_url, dry_run=dry_run)
            for action in definitions.actions()]
    return [*done, *_webhooks(developer, public_url, dry_run=dry_run)]


def _action(developer: Developer, action: Mapping[str, Any], known: list[Mapping[str, Any]], public_url: str, *,
            dry_run: bool) -> Published:
    address = f"{definitions.HOOK}/actions/{action['path']}"
    there = next((one for one in known if str(one.get("actionUrl", "")).endswith(address)), None)
    if there is None:
        wanted = definitions.definition(action, public_url, published=True)
        identity = "" if dry_run else developer.create_definition(wanted)
        return Published(action["uid"], "created", identity)
    identity = str(there.get("id", ""))
    wanted = definitions.definition(action, public_url, published=bool(there.get("published", True)))
    lost = definitions.names(there) - definitions.names(wanted)
    if lost:
        raise Conflict("hubspot_name_lost", action=action["uid"], names=", ".join(sorted(lost)))
    differing = {name: value for name, value in wanted.items() if not _within(value, there.get(name))}
    if not differing:
        return Published(action["uid"], "unchanged", identity)
    if not dry_run:
        developer.change_definition(identity, differing)
    return Published(action["uid"], "changed", identity, ", ".join(sorted(differing)))


def _webhooks(developer: Developer, public_url: str, *, dry_run: bool) -> list[Published]:
    target = f"{public_url.rstrip('/')}{definitions.HOOK}/webhooks"
    settings = {"targetUrl": target, "throttling": {"maxConcurrentRequests": 10, "period": "SECONDLY"}}
    there = developer.webhook_settings()
    same = there is not None and there.get("targetUrl") == target
    if not same and not dry_run:
        developer.set_webhook_settings(settings)
    done = [Published("webhooks", "unchanged" if same else "created" if there is None else "changed", target)]
    known = {(str(one.get("eventType")), one.get("propertyName") or None): one for one in developer.subscriptions()}
    for kind, name in SUBSCRIPTIONS:
        one = known.get((kind, name))
        what = "created" if one is None else "unchanged" if one.get("active") is True else "changed"
        if not dry_run and one is None:
            # HubSpot makes them asleep unless told otherwise.
            wanted: dict[str, Any] = {"eventType": kind, "active": True}
            developer.subscribe({**wanted, "propertyName": name} if name else wanted)
        elif not dry_run and one is not None and what == "changed":
            developer.switch_on(str(one["id"]))
        done.append(Published(f"{kind} {name}" if name else kind, what, str(one["id"]) if one else ""))
    return done


def _within(wanted: Any, there: Any) -> bool:
    """Whether HubSpot has what is wanted; it adds fields of its own, and leaves out what is empty."""
    if isinstance(wanted, Mapping):
        return all(_within(value, there.get(name) if isinstance(there, Mapping) else None)
                   for name, value in wanted.items())
    if isinstance(wanted, list):
        return (isinstance(there, list) and len(wanted) == len(there)
                and all(_within(*pair) for pair in zip(wanted, there, strict=True))) or (not wanted and not there)
    return bool(wanted == there) or (there is None and wanted in ("", False, 0.0))
