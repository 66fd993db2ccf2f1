"""Catalogues and patrons from other systems: bytes to typed records, every oddity reported.

A door for each kind: :func:`sync.intake.catalogue.import_catalogue`, :func:`sync.intake.patrons.import_patrons`,
:func:`sync.intake.tags.import_tags`. All stream, all write through :class:`sync.store.reference.Reference` in batches
that stand or fall whole, and all answer with a report.

``catalogue``   files of MARC records to titles and items; who has which barcode.
``titles``      one MARC record to one title and its items, pure.
``marc``        a file to MARC records, whatever has happened to it; ``iso2709`` and ``marcxml`` are its two forms.
``characters``  bytes to text: UTF-8, MARC-8, windows-1258 and what is left of them.
``mapping``     where the holdings stand in a record; named mappings are data in ``config/mappings``.
``patrons``     lists of readers to patrons. ``sheets`` finds the rows in CSV and XLSX, ``patron_rows`` reads one, pure.
``tags``        lists of chips, by their UIDs, for chips on which nothing is written.
``cells``       what amounts and days mean.
``reasons``     why something is refused, repaired or noted; ``report`` is what an import answers.
``rules``       a station's own rule-set.

Laws of the room: all of it comes in or is reported; one broken record never stops the rest; a barcode is never given
to two items; nothing is guessed about money, parts or people. What a file says never goes to a log.
"""
