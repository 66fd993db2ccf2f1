"""The versions of headquarters' database, one history for SQLite and PostgreSQL, run as those of ``sync.store``.

The rules are those of :mod:`sync.store.migrations`, and one more: a version must leave a database that the program of
the version before can still work with, because on PostgreSQL several processes are updated one after the other. So
columns and tables are added in one version (*expand*) and what nobody uses any more goes in a later one (*contract*).
"""
