"""The product's own demonstration: some 300 well-known titles, invented readers, and the tour of a desk with them.

The kiosk of the demonstration stands on a ``bench`` of simulated devices and belongs to a ``headquarters`` of its own,
whose network is a ``cable`` for hands to pull.

``collection.csv`` and ``readers.csv`` are written by us; the readers are nobody. ``library`` turns them into a
station's reference through the same writer that imports use; ``tour`` plays the desk.
"""
