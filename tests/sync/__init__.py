"""The room where circulation is decided, recorded and exchanged, tested from the rules up."""
