"""Measurements beside their targets: `make bench` prints them; nothing here is a test."""
