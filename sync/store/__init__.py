"""The station's two files and the one query layer over them.

``ledger.sqlite``     what this station did: the chained events and what they add up to; one writer.
``reference.sqlite``  what this station was told: titles, items, patrons, loans elsewhere, rules. Written by imports on
                      a station of its own, by the sync worker once enrolled, or swapped whole.

What holds is the reference with the ledger's events newer than the reference's watermark on top; ``current`` does that
join for everybody. Every connection that does not write opens with ``mode=ro``: a ``query_only`` connection may still
checkpoint when it is the last to close, which with SQLite before 3.51.3 can damage a file (facts/sync.md, section 5.7).

``tables``      both files' tables.
``files``       opening, owning, migrating and checking a file.
``reference``   what imports and the sync worker write.
``current``     what holds: that join, for one transaction.
``view``        what can be looked at, beside a running station too.
``ledger``      what a desk or a kiosk does: one deep class.
``search``      the catalogue by words, with or without marks.
"""
