"""Adobe Commerce and Magento 2: carts and orders, asked for by the keys of an integration."""

from integrations.adobe_commerce.adapter import AdobeCommerce

__all__ = ["AdobeCommerce"]
