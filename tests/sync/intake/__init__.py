"""Imports: real exports where they are at hand, files with every quirk from ``quirky``, and damage by chance."""
