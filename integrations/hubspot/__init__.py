"""HubSpot: workflow actions, contacts and their dates, consent both ways."""

from integrations.hubspot.adapter import HubSpot

__all__ = ["HubSpot"]
