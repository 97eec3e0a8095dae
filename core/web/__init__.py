"""Flask translates requests for the engine, and stops: no rule is decided here."""
