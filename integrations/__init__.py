"""Adapters for other people's platforms: one folder each, and none of them knows another."""
