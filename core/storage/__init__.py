"""The only folder that imports SQLAlchemy: functions over a transaction, one schema for SQLite and PostgreSQL."""
