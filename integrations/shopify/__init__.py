"""Shopify: carts that were left, orders and their parcels, and who may be written to."""

from integrations.shopify.adapter import Shopify

__all__ = ["Shopify"]
