"""WooCommerce: orders, their statuses, and the box that was ticked at the checkout."""

from integrations.woocommerce.adapter import WooCommerce

__all__ = ["WooCommerce"]
