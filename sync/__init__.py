"""What station and headquarters must agree on: rules, ledger, catalogue, exchange.

``circulation``  the rules of lending, pure: the same facts give the same decision, at a station and at headquarters.
``store``        the station's two files, the one query layer over both, search.
``intake``       catalogues and patrons from other systems: bytes to typed records, every oddity reported.
``text``         how Vietnamese text enters (NFC), is folded for search, and is sorted.

Laws of the room: a decision is recorded before anything else happens; a record is never updated, only followed;
expected refusals are values (:class:`sync.circulation.blocks.Refused`); text is NFC; times are aware UTC.
The room imports ``config`` and nothing else of the house: it runs at headquarters without Kivy or any device library.
"""
