"""Salesforce: a Flow's messages, Outbound Messages, dates of any record, and what became of it all."""

from integrations.salesforce.adapter import Salesforce

__all__ = ["Salesforce"]
