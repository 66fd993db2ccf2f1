"""A real PostgreSQL of this process's own, without a system package."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa


@contextmanager
def postgresql() -> Iterator[sa.URL]:
    """The address of a server that was just started, as its library settles it: whatever it acknowledges is on the
    disk. Gone with its folder at the end."""
    with warnings.catch_warnings():
        # It would like a folder for sockets of the account, which a plain test machine has none of.
        warnings.simplefilter("ignore")
        from pgserver import postgres_server  # noqa: PLC0415

        folder = tempfile.mkdtemp(prefix="tramsach-postgresql-")
        started = postgres_server.PostgresServer(Path(folder), cleanup_mode="delete")
    try:
        yield sa.make_url(started.get_uri())
    finally:
        started.cleanup()
