"""Whole days of work, through the programs that people start."""
