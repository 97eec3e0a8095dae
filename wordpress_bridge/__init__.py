"""WordPress: a site that tells what happens on it through its small plugin. `plugin/` is that plugin."""

from wordpress_bridge.adapter import WordPress

__all__ = ["WordPress"]
