"""Versions of ``reference.sqlite``, what this station was told."""
