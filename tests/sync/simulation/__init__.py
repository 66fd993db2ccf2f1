"""A whole network under one seed: stations, headquarters, the roads between them, and everything that goes wrong.

What runs is the product: the ledger on its files, the worker with its rhythm, the reference, headquarters' ingest,
apply and feed. What is made up here is the world around it: time, disks that tear at a power cut, lines that lose,
double, cut and forge, sticks that are pulled, machines that are copied or put back from yesterday, and people who lend
and bring back the same few copies at several places at once.

One seed is one history: the same seed does the same, to the byte of every event. A run has a safety phase, in which
everything may happen, then all is healed and headquarters must come to know everything within a bounded time; then the
invariants are looked at (facts/sync.md, section 7.2). ``python -m tests.sync.simulation SEED`` plays one again.

``faults``        what may go wrong, which of it does in a run, and the count of what did.
``clocks``        true time, and the clocks of machines.
``disks``         the files of a machine: kept, put back, torn.
``line``          the network of one station.
``stick``         a USB stick.
``machine``       a station: ledger, worker, desk.
``headquarters``  the other end.
``world``         all of it, step by step.
``invariants``    what must hold in the end.
``checker``       the same asked of what readers were told.
"""
