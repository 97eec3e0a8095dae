"""Configuration as code: what a workspace decided, as a document that is read, compared with what is there, and made
so. What people are called, what platforms said, and secrets are not in it."""
