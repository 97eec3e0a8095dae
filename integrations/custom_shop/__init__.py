"""Any shop that can post a small signed JSON: carts, orders, consents."""

from integrations.custom_shop.adapter import CustomShop

__all__ = ["CustomShop"]
