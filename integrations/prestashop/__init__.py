"""PrestaShop: carts and orders, asked for by the shop's webservice."""

from integrations.prestashop.adapter import PrestaShop

__all__ = ["PrestaShop"]
