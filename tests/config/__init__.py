"""Tests of the settings: what a person may write, and what the program says when it is wrong."""
