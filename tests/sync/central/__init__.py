"""Headquarters on SQLite and on a real PostgreSQL: what it answers, what it makes of events, and what it tells."""
