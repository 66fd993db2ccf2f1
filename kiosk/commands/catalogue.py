"""Titles, items and readers: imports, search, and forgetting a reader."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from sync.intake.patrons import import_patrons, load_columns

from config.loader import Problems
from kiosk.commands.options import Json, answers, example, home
from kiosk.i18n import _, language
from kiosk.station import desk, onlooker, settings_of
from kiosk.terminal import Answers, found_table, item_status, named, progress, table, why
from sync.circulation.blocks import Refused
from sync.intake.catalogue import import_catalogue
from sync.intake.mapping import load_mapping
from sync.intake.report import CatalogueReport, ImportReport, PatronReport
from sync.store.files import open_reference
from sync.store.reference import Reference
from sync.text import nfc

DryRun = Annotated[bool, typer.Option("--dry-run", help=_("Read and report everything, write nothing."))]

#: So many lines of a report go to the terminal; ``--json`` has them all.
_SHOWN = 20


def import_titles(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help=_("MARC 21 (.mrc) or MARCXML files."))],
    mapping: Annotated[
        str, typer.Option(help=_("Where the copies are described: auto, koha (952), 949, 852, or a mapping file."))
    ] = "auto",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    say = answers(as_json)
    settings = settings_of(home(context))
    mappings = load_mapping(mapping)
    if isinstance(mappings, Problems):
        _problems(say, mappings)
        raise typer.Exit(say.code)
    with (
        Reference(open_reference(_made(settings.home), command="tramsach catalogue import")) as reference,
        progress(_("Reading the catalogue"), quiet=as_json) as bar,
    ):
        report = import_catalogue(
            files,
            reference,
            mappings,
            branch=settings.station.value.branch,
            network=settings.rules.rules.network,
            dry_run=dry_run,
            progress=bar,
        )
    _show_report(say, report)
    raise typer.Exit(say.code)


def import_readers(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help=_("CSV or XLSX files with a line of headings."))],
    mapping: Annotated[
        str, typer.Option(help=_("auto recognises the usual headings; or a file that names your columns."))
    ] = "auto",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    say = answers(as_json)
    settings = settings_of(home(context))
    columns = load_columns(mapping)
    if isinstance(columns, Problems):
        _problems(say, columns)
        raise typer.Exit(say.code)
    with (
        Reference(open_reference(_made(settings.home), command="tramsach patrons import")) as reference,
        progress(_("Reading the readers"), quiet=as_json) as bar,
    ):
        report = import_patrons(
            files,
            reference,
            columns,
            branch=settings.station.value.branch,
            network=settings.rules.rules.network,
            dry_run=dry_run,
            progress=bar,
        )
    _show_report(say, report)
    raise typer.Exit(say.code)


def forget(
    context: typer.Context,
    patron: Annotated[str, typer.Argument(metavar="PATRON", help=_("The reader's card number."))],
    yes: Annotated[bool, typer.Option("--yes", help=_("Do not ask."))] = False,
) -> None:
    say = answers(False)
    if not yes:
        typer.confirm(_("Erase this reader and every link to past loans? It cannot be undone."), abort=True)
    number = nfc(patron)
    with desk(home(context), command="tramsach patrons forget") as (ledger, _station):
        found = ledger.find_patron(number)
        done = ledger.forget(found.patron_id if found else number)
        if isinstance(done, Refused):
            say.fail(why(done.blocks))
        else:
            with Reference(open_reference(home(context), command="tramsach patrons forget")) as reference:
                reference.forget_patron(found.patron_id if found else number)
            say.show(_("The reader is forgotten; the loans remain as numbers."))
    raise typer.Exit(say.code)


def search(
    context: typer.Context,
    words: Annotated[
        list[str], typer.Argument(metavar="WORDS…", help=_("Title, author, subject, call number, barcode or ISBN."))
    ],
    limit: Annotated[int, typer.Option(min=1, max=200, help=_("At most so many titles."))] = 10,
    page: Annotated[int, typer.Option(min=1, help=_("Which page of so many."))] = 1,
    as_json: Json = False,
) -> None:
    say = answers(as_json)
    with onlooker(home(context)) as view:
        found = view.search(" ".join(words), limit=limit, offset=(page - 1) * limit)
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
    if not found.page.hits:
        say.show(_("Nothing found. Try fewer or shorter words; marks may be left out."))
        raise typer.Exit(say.code)
    if found.page.loose:
        say.show(_("No title has all of these words. Nearest:"))
    say.show(found_table(found))
    if found.page.more:
        say.show(_("There are more: --page {next}").format(next=page + 1))
    raise typer.Exit(say.code)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _show_report(say: Answers, report: ImportReport) -> None:
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


def _problems(say: Answers, problems: Problems) -> None:
    for problem in problems:
        say.fail(problem.say(language()))


def add_to(app: typer.Typer) -> None:
    """Add these commands to the application."""
    catalogue = typer.Typer(help=_("The catalogue: titles and items."), no_args_is_help=True)
    catalogue.command(
        "import",
        help=_("Bring in a catalogue from another system; nothing comes in twice."),
        epilog=example("tramsach catalogue import export.mrc --mapping koha --dry-run"),
    )(import_titles)
    app.add_typer(catalogue, name="catalogue", rich_help_panel=_("Catalogue and readers"))
    patrons = typer.Typer(help=_("Readers: import a list, forget one."), no_args_is_help=True)
    patrons.command(
        "import",
        help=_("Bring in readers from a list; nobody comes in twice."),
        epilog=example("tramsach patrons import ban-doc.xlsx"),
    )(import_readers)
    patrons.command(
        help=_("Erase a reader who has nothing out and owes nothing."),
        epilog=example("tramsach patrons forget TN000123"),
    )(forget)
    app.add_typer(patrons, name="patrons", rich_help_panel=_("Catalogue and readers"))
    app.command(
        help=_("Find titles, with or without diacritics."),
        epilog=example("tramsach search truyen kieu"),
        rich_help_panel=_("Catalogue and readers"),
    )(search)
