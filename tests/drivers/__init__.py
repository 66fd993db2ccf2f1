"""Drivers: codecs against tables and arbitrary bytes, devices against the simulators at the other end of the wire."""
