"""A reference in a folder of its own, and ways to import into it and to look at what came in."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from config.loader import Problems
from sync.intake.catalogue import import_catalogue
from sync.intake.mapping import load_mapping
from sync.intake.patron_rows import PatronColumns
from sync.intake.patrons import import_patrons, load_columns
from sync.intake.report import CatalogueReport, PatronReport
from sync.store import tables
from sync.store.files import open_reference
from sync.store.reference import Reference


class Library:
    """A station's reference, to import into and to look into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = open_reference(folder)
        self.reference = Reference(self._file)

    def close(self) -> None:
        self.reference.close()

    def catalogue(
        self, *contents: bytes | Path, mapping: str = "auto", dry_run: bool = False, branch: str = "MAIN"
    ) -> CatalogueReport:
        """Import files of records: paths, or what stands in them."""
        mappings = load_mapping(mapping)
        assert not isinstance(mappings, Problems), mappings.say("en")
        return import_catalogue(self.files(contents, ".mrc"), self.reference, mappings, branch=branch, dry_run=dry_run)

    def patrons(
        self, *contents: bytes | str | Path, columns: PatronColumns | None = None, dry_run: bool = False
    ) -> PatronReport:
        """Import lists of readers: paths, or what stands in them."""
        known = columns or load_columns()
        assert not isinstance(known, Problems), known.say("en")
        return import_patrons(
            self.files([content.encode() if isinstance(content, str) else content for content in contents], ".csv"),
            self.reference,
            known,
            branch="MAIN",
            dry_run=dry_run,
        )

    def files(self, contents: Sequence[bytes | Path], suffix: str) -> list[Path]:
        paths = []
        for number, content in enumerate(contents, start=1):
            path = content if isinstance(content, Path) else self.folder / f"file-{number}{suffix}"
            if not isinstance(content, Path):
                path.write_bytes(content)
            paths.append(path)
        return paths

    def rows(self, table: sa.Table, *columns: str) -> list[tuple[Any, ...]]:
        """A table's rows, or some columns of them, in the order of the first column."""
        chosen = [table.c[name] for name in columns] if columns else list(table.columns)
        with self._file.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.select(*chosen).order_by(chosen[0]))]

    def titles(self) -> list[str]:
        return [str(row[0]) for row in self.rows(tables.title, "title")]

    def barcodes(self) -> list[str]:
        return [str(row[0]) for row in self.rows(tables.item, "item_id")]

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that an import can change, the search index among it."""
        shown = {table.name: self.rows(table) for table in (tables.title, tables.item, tables.patron, tables.card)}
        with self._file.begin() as connection:
            index = connection.execute(sa.text("SELECT rowid, * FROM title_search ORDER BY rowid")).all()
        return shown | {"title_search": [tuple(row) for row in index]}


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """An empty library."""
    library = Library(tmp_path)
    yield library
    library.close()
