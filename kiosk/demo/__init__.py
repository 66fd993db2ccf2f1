"""The product's own demonstration: some 300 well-known titles, invented readers, and the tour of a desk with them.

``collection.csv`` and ``readers.csv`` are written by us; the readers are nobody. ``library`` turns them into a
station's reference through the same writer that imports use; ``tour`` plays the desk.
"""
