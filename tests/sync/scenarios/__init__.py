"""The 47 failure scenarios of facts/sync.md, section 7.3, each by its number and a sentence.

Some are played here in a small calm world (:mod:`tests.sync.simulation`), others are proved where the part stands that
has to bear them; there the test here names that proof and fails when it is gone (:func:`proved_by`). On top of both,
``tests/sync/test_simulation.py`` mixes them at random.

What cannot be shown here, or only in part:

=====  ==============================================================================================================
  1    A true power cut on real storage: the states of the log are simulated byte by byte and sector by sector, but no
       SD card's own controller is; ``docs/untried.md`` has the manual check.
  7    A second *writer* that ignores our lock is noticed only by SQLite's own locks and by the next check.
 12    TLS whose time is over, as a whole system with public authorities: the pinned certificate has no end of life, and
       that the count tells the truth meanwhile is shown with a line that refuses.
 13    2 kbit/s for hours: shrinking batches and back-off are shown on the rhythm, not on a real modem.
 25    Leap seconds and changes of zone: time is UTC inside and SQLite is told no local time: nothing to try.
 28    Six events of three stations in all orders are walked where custody is decided, on the pure rules; through the
       database random histories are (tests/sync/central/test_model.py).
 31    A copy that got another barcode, and a recall, are catalogue work and not yet in the product.
 38    90 days without a network are lived through with few events; ten thousand in one bundle are bounded elsewhere.
 44    A million events on slow storage: what an upgrade copies grows with the file, and no slow disk is simulated.
 46    300 stations × 30 days in full is a bench; what it rests on is shown here: disk by event and spread by station.
=====  ==============================================================================================================
"""
