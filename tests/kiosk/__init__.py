"""Tests of the kiosk: what a person touches, and what ships for showing it."""
