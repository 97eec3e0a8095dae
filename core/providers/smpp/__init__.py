"""SMPP 3.4 as a client (ESME): the operators' own protocol, over a connection that is kept."""

from core.providers.smpp.provider import Smpp

__all__ = ["Smpp"]
