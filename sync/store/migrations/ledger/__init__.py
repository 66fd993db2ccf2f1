"""Versions of ``ledger.sqlite``, what this station did."""
