"""Headquarters: what all stations did, what it adds up to, and what stations are told.

Two steps for what arrives: *ingest* puts a batch into the log or says why not, *apply* makes out what the logged events
mean. So no event can fail its transport, and none is lost. Words: an *outcome* is what became of an event, a
*projection* whatever the log adds up to, a *change* a row that stations have to be told of, its *scope* who they are,
an *exception* what staff have to settle.

Laws: the log is kept byte for byte and never changed; every projection can be made again from it and comes out the
same; what forgetting a reader has to reach lies beside it; a cursor is never seen before all lower ones.

``database``    SQLite embedded, or PostgreSQL by its URL; ``errors`` what can be wrong with the latter.
``tables``      the tables of both; ``migrations`` how they came to be; ``bulk`` rows by the thousand.
``log``         the log read back; ``ingest`` the first step; ``identities`` whose a token is, and forgetting it.
``reading``     records as events, or why they are quarantined.
``apply``       the second step, of which ``projecting`` is what follows from the log alone: ``copies`` and ``money``.
``replay``      the projections once more, and whether they are what they should be.
``own``         headquarters' own log; ``worklist`` exceptions, and how staff settle them.
``feed``        changes with their cursors; ``scopes`` who is told of what; ``reference`` what imports write here.
``stations``    stations in their epochs; ``enrolment`` how they come to be known, and are no longer believed.
``office``      a headquarters, open: its keys, folder and database; ``certificate`` what it shows of itself.
``exchange``    the answer to a contact, whatever the road; ``bundles`` sticks; ``snapshots`` all of it as a file.
``announcements``  what is said on screens; ``backup`` copies that make events safe.
``service``     headquarters at work, and its database lent out; ``api`` the station interface; ``server`` the network.
"""
