"""Titles, items, readers and chips in the terminal: imports with their reports, search, forgetting a reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from config.loader import Problems
from kiosk.i18n import _, language
from kiosk.pages import found_table, item_status, named, no_reader, why
from kiosk.station import desk, onlooker, settle_in
from kiosk.terminal import Answers, agree, progress, table
from sync.circulation.blocks import Refused
from sync.circulation.events import PatronForgotten
from sync.intake.catalogue import import_catalogue
from sync.intake.mapping import load_mapping
from sync.intake.patrons import import_patrons, load_columns
from sync.intake.report import CatalogueReport, PatronReport, TagReport
from sync.intake.tags import import_tags
from sync.store.files import open_reference
from sync.store.reference import Reference
from sync.text import masked_name, nfc

#: So many lines of a report go to the terminal; ``--json`` has them all.
_SHOWN = 20


def import_titles(say: Answers, home: Path, files: Sequence[Path], mapping: str, *, dry_run: bool) -> None:
    """Bring in a catalogue and report on it."""
    settings = settle_in(home, command="tramsach catalogue import")
    mappings = load_mapping(mapping)
    if isinstance(mappings, Problems):
        show_problems(say, mappings)
        return
    with (
        Reference(open_reference(home, command="tramsach catalogue import")) as reference,
        progress(_("Reading the catalogue"), quiet=say.as_json) as bar,
    ):
        report = import_catalogue(
            files_there(say, files),
            reference,
            mappings,
            branch=settings.station.value.branch,
            network=settings.rules.rules.network,
            dry_run=dry_run,
            progress=bar,
        )
    show_report(say, report)


def import_readers(say: Answers, home: Path, files: Sequence[Path], mapping: str, *, dry_run: bool) -> None:
    """Bring in readers and report on it."""
    settings = settle_in(home, command="tramsach patrons import")
    columns = load_columns(mapping)
    if isinstance(columns, Problems):
        show_problems(say, columns)
        return
    with (
        Reference(open_reference(home, command="tramsach patrons import")) as reference,
        progress(_("Reading the readers"), quiet=say.as_json) as bar,
    ):
        report = import_patrons(
            files_there(say, files),
            reference,
            columns,
            branch=settings.station.value.branch,
            network=settings.rules.rules.network,
            dry_run=dry_run,
            progress=bar,
        )
    show_report(say, report)


def import_chips(say: Answers, home: Path, files: Sequence[Path], *, dry_run: bool) -> None:
    """Bring in a list of chips that are known by their UIDs, and report on it."""
    settle_in(home, command="tramsach tag map")
    with (
        Reference(open_reference(home, command="tramsach tag map")) as reference,
        progress(_("Reading the list of chips"), quiet=say.as_json) as bar,
    ):
        report = import_tags(files_there(say, files), reference, dry_run=dry_run, progress=bar)
    show_report(say, report)


def forget(say: Answers, home: Path, patron: str, *, yes: bool) -> None:
    """Erase a reader from the ledger and from the reference, once somebody has said yes."""
    number = nfc(patron)
    with onlooker(home) as view:
        known = view.find_patron(number)
    # Asked before anything is held: the station goes on while a person makes up her mind.
    question = _("Erase reader {number} ({name}) and every link to past loans? It cannot be undone.")
    if not yes and not agree(question.format(number=number, name=masked_name(known.name) if known else "–")):
        say.fail(_("Stopped; nothing more was done."))
        return
    with desk(home, command="tramsach patrons forget") as (ledger, _station):
        found = ledger.find_patron(number)
        done = ledger.forget(found.patron_id if found else number)
        if isinstance(done, Refused):
            say.fail(why(done.blocks))
            return
        if found is not None:
            with Reference(open_reference(home, command="tramsach patrons forget")) as reference:
                reference.forget_patron(found.patron_id)
        elif not any(isinstance(e.event, PatronForgotten) and e.event.tokens for e in ledger.entries(done.entry - 1)):
            say.fail(no_reader(number))
            return
    say.show(_("The reader is forgotten; the loans remain as numbers."))


def search(say: Answers, home: Path, words: str, *, limit: int, page: int) -> None:
    """Find titles and say what is on the shelf."""
    before = (page - 1) * limit
    with onlooker(home) as view:
        found = view.search(words, limit=limit, offset=before)
        branch, network = view.branch, view.rules().network
    say.document(
        [
            {
                "title": named(hit.title),
                "author": hit.title.author,
                "call_number": hit.title.call_number,
                "items": [
                    {"item_id": item.item_id, "branch": item.branch, "status": item_status(item, found.loans)}
                    for item in hit.items
                ],
            }
            for hit in found.page.hits
        ]
    )
    if not found.page.total:
        say.show(_("Nothing found. Try fewer or shorter words; marks may be left out."))
        return
    last = before + len(found.page.hits)
    total = f"{found.page.total}+" if found.page.more else str(found.page.total)
    if not found.page.hits:
        say.show(_("Only {total} titles were found; they end before page {page}.").format(total=total, page=page))
        return
    if found.page.loose:
        say.show(_("No title has all of these words. Nearest:"))
    say.show(found_table(found, branch, network))
    if last < found.page.total:
        told = _("Titles {first}–{last} of {total}. More: --page {next}")
        say.show(told.format(first=before + 1, last=last, total=total, next=page + 1))


def files_there(say: Answers, files: Sequence[Path]) -> list[Path]:
    """Those of the files that exist; each other one is told of."""
    for file in files:
        if not file.exists():
            say.fail(_("There is no file {file}.").format(file=file))
        elif not file.is_file():
            say.fail(_("{file} is not a file.").format(file=file))
    return [file for file in files if file.is_file()]


def show_report(say: Answers, report: CatalogueReport | PatronReport | TagReport) -> None:
    """Say what an import brought, and what it repaired and refused."""
    say.document(report.as_json())
    if report.dry_run:
        say.show(_("Dry run: nothing was written."))
    match report:
        case CatalogueReport():
            say.show(
                _(
                    "Read {read} records: {titles} titles, {items} items; {repaired} repaired, {refused} refused."
                ).format(
                    read=report.read,
                    titles=report.titles,
                    items=report.items,
                    repaired=len(report.repaired),
                    refused=len(report.refused),
                )
            )
        case PatronReport():
            say.show(
                _("Read {read} rows: {patrons} readers, {cards} cards; {repaired} repaired, {refused} refused.").format(
                    read=report.read,
                    patrons=report.patrons,
                    cards=report.cards,
                    repaired=len(report.repaired),
                    refused=len(report.refused),
                )
            )
        case TagReport():
            say.show(
                _("Read {read} rows: {tags} chips; {repaired} repaired, {refused} refused.").format(
                    read=report.read,
                    tags=report.tags,
                    repaired=len(report.repaired),
                    refused=len(report.refused),
                )
            )
    if report.tallies:
        grid = table(_("Remarks"), _("Count"), _("What"), right=[_("Count")])
        for tally in report.tallies:
            grid.add_row(str(tally.count), tally.phrase().say(language()))
        say.show(grid)
    for entry in report.refused[:_SHOWN]:
        identifier = f" ({entry.identifier})" if entry.identifier else ""
        say.fail(f"✗ {entry.place.phrase().say(language())}{identifier}: {entry.phrase().say(language())}")
    if len(report.refused) > _SHOWN:
        say.fail(_("… and {count} more; --json lists them all.").format(count=len(report.refused) - _SHOWN))


def show_problems(say: Answers, problems: Problems) -> None:
    """Name every problem of some settings."""
    for problem in problems:
        say.fail(problem.say(language()))
