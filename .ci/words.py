"""Bring the translations up to date with the source texts: extract, merge, compile (`make words`).

Texts that the source no longer has are dropped; new ones come in untranslated, and a test names them. The compiled file
is committed, so that an installation needs no tool; the test also holds it against the text file.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
PO = ROOT / "kiosk" / "locale" / "vi" / "LC_MESSAGES" / "tramsach.po"

HEADER = "# Vietnamese words of Trạm Sách. Brought up to date by `make words`; translations are written here by hand."

#: What the command line library says through the same domain.
LIBRARY = (
    "Arguments",
    "Options",
    "Commands",
    "Error",
    "[required]",
    "[default: {}]",
    "required",
    "default: {default}",
    "Missing command.",
)


def source_texts() -> set[str]:
    """Every text that the commands and screens ask gettext for."""
    found = extract_from_dir(ROOT / "kiosk", method_map=[("**.py", "python")], keywords={"_": None})
    return {text for _file, _line, text, _comments, _context in found if isinstance(text, str)} | set(LIBRARY)


def compiled(catalog: Catalog) -> bytes:
    """The compiled file of a catalogue: the same texts give the same bytes, whenever it is made."""
    catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    file = BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def main() -> None:
    """Write the text file and the compiled one."""
    known = {m.id: str(m.string) for m in read_po(PO.open("rb")) if m.id} if PO.exists() else {}
    catalog = Catalog(locale="vi", header_comment=HEADER, fuzzy=False)
    for text in sorted(source_texts()):
        catalog.add(text, known.get(text, ""))
    with PO.open("wb") as file:
        write_po(file, catalog, omit_header=False, sort_output=True, width=120)
    lines = PO.read_text("utf-8").splitlines(keepends=True)
    # Of the header only what a reader of the file needs: no names, no dates that change by themselves.
    keep = ('"Language', '"Plural', '"MIME', '"Content')
    end = lines.index("\n")
    header = [line for line in lines[:end] if not line.startswith('"') or line.startswith(keep)]
    header = [line for line in header if "LL@li.org" not in line]
    PO.write_text("".join([*header, *lines[end:]]), "utf-8")
    catalog = read_po(PO.open("rb"))
    PO.with_suffix(".mo").write_bytes(compiled(catalog))
    missing = [m.id for m in catalog if m.id and not m.string]
    for untranslated in missing:
        print(f"not translated: {untranslated}", file=sys.stderr)  # a tool for the terminal


if __name__ == "__main__":
    main()
