"""Tests mirror the house, room by room; beside them stand the benchmarks and whole visits.

Nothing here needs a screen, a network or a fixed port, and nothing outlives its test. The real catalogue
exports that some tests read are not part of the project; those tests run where the files are and say so where
they are not.
"""
