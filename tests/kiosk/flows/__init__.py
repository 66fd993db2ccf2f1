"""Visits: the laws under random histories, and each case of the pad as a small story."""
