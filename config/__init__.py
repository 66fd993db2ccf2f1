"""Typed settings: what a person may choose, where each value comes from, and every mistake at once in plain words.

``loader``   TOML to frozen dataclasses and back; unknown keys are refused, all problems are reported together.
``values``   the limits a setting can have, and a ``Secret`` that masks itself. ``checks`` the plain values in TOML.
``station``  what a station is: its number, branch, language, profile. ``devices`` what is plugged in.
``phrase``   a sentence in Vietnamese and English.
``rules/``, ``stations/``, ``mappings/``  the settings that ship with the product.

The room imports none of the others.
"""
