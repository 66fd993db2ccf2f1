"""The surface of ``tramsach``: every command, its arguments, its help. What the commands do is in modules of their own.

Those modules are imported inside the commands, and nothing heavy at the top: help and shell completion have to answer
at once (``make bench`` measures it), and the database library alone takes longer to load than that.
"""

from __future__ import annotations

from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from config.station import home_folder
from kiosk.command_parts import DryRun, Json, end, example, home_of
from kiosk.device_commands import add_devices
from kiosk.hq_commands import add_hq
from kiosk.i18n import _
from kiosk.sync_commands import add_sync
from kiosk.tag_commands import add_tags
from kiosk.terminal import Answers
from sync.circulation.model import ServiceMode


class Profile(StrEnum):
    """The screens that the pictures can be drawn for."""

    PORTRAIT = "portrait"
    LANDSCAPE = "landscape"
    SMALL = "small"


Patron = Annotated[str, typer.Argument(metavar=_("PATRON"), help=_("The reader's card number."))]
Items = Annotated[list[str], typer.Argument(metavar=_("ITEM…"), help=_("Barcodes (accession numbers), one or more."))]
Fee = Annotated[str, typer.Argument(metavar=_("FEE"), help=_("The fee's number, from `tramsach account`."))]
Amount = Annotated[int | None, typer.Option(metavar=_("AMOUNT"), help=_("Whole đồng; all that is owed if not given."))]


def application() -> typer.Typer:
    """The application with all its commands, in the language of this process."""
    app = typer.Typer(
        name="tramsach",
        help=_("Trạm Sách: lending, returns and catalogue of a library station."),
        epilog=example("tramsach demo"),
        invoke_without_command=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(_main)
    app.command(
        help=_("A whole library to try: a kiosk with simulated devices, 300 titles, 60 invented readers."),
        epilog=example("tramsach demo --lang en"),
        rich_help_panel=_("Start here"),
    )(demo)
    app.command(
        help=_("The touchscreen station of this folder."),
        epilog=example("tramsach kiosk --window"),
        rich_help_panel=_("Start here"),
    )(kiosk)
    _add_desk(app)
    _add_catalogue(app)
    _add_station(app)
    network = _("Network")
    add_sync(app, network)
    add_hq(app, network)
    return app


def _main(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(metavar=_("DIR"), help=_("The station's folder; TRAMSACH_HOME if not given."), file_okay=False),
    ] = None,
    lang: Annotated[str, typer.Option(metavar="vi|en", help=_("vi or en; the terminal's locale if not given."))] = "",
    show_version: Annotated[bool, typer.Option("--version", help=_("Show the version."), is_eager=True)] = False,
) -> None:
    if show_version:
        typer.echo(f"tramsach {version('tramsach')}")
        raise typer.Exit
    if lang not in ("", "vi", "en"):
        raise typer.BadParameter(_("the languages are vi and en."), param_hint="--lang")
    context.obj = home_folder(home)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def demo(
    desk: Annotated[
        bool, typer.Option("--desk", help=_("Play the desk in the terminal instead of the kiosk."))
    ] = False,
    headless: Annotated[
        bool, typer.Option("--headless", help=_("Open no window and ask for nothing: leave pictures and stop."))
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar=_("DIR"), help=_("Leave pictures and summary.json in this folder."), file_okay=False),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar=_("DIR"), help=_("Make the library in this new folder and keep it."))
    ] = None,
    profile: Annotated[
        Profile, typer.Option(help=_("The screen of the pictures: 1080×1920, 1920×1080 or 1024×600."))
    ] = Profile.PORTRAIT,
) -> None:
    from kiosk.demo import show

    say = Answers()
    show.demo(say, desk=desk, headless=headless, out=out, keep=keep, profile=profile.value)
    end(say)


def kiosk(
    context: typer.Context,
    window: Annotated[bool, typer.Option("--window", help=_("In a window instead of the whole screen."))] = False,
) -> None:
    from kiosk import touchscreen

    say = Answers()
    touchscreen.run(say, home_of(context), fullscreen=not window)
    end(say)


# --- the desk ---------------------------------------------------------------------------------------------------------


def checkout(
    context: typer.Context,
    patron: Patron,
    items: Items,
    mode: Annotated[
        ServiceMode | None, typer.Option(help=_("How the items are used; the station's setting if not given."))
    ] = None,
    as_json: Json = False,
) -> None:
    from kiosk import desk

    say = Answers(as_json=as_json)
    desk.checkout(say, home_of(context), patron, items, mode)
    end(say)


def checkin(context: typer.Context, items: Items, as_json: Json = False) -> None:
    from kiosk import desk

    say = Answers(as_json=as_json)
    desk.checkin(say, home_of(context), items)
    end(say)


def renew(
    context: typer.Context,
    patron: Patron,
    items: Annotated[
        list[str] | None,
        typer.Argument(metavar=_("[ITEM…]"), help=_("Barcodes; everything on loan if none is given.")),
    ] = None,
    as_json: Json = False,
) -> None:
    from kiosk import desk

    say = Answers(as_json=as_json)
    desk.renew(say, home_of(context), patron, items or ())
    end(say)


def account(context: typer.Context, patron: Patron, as_json: Json = False) -> None:
    from kiosk import desk

    say = Answers(as_json=as_json)
    desk.account(say, home_of(context), patron)
    end(say)


def undo(
    context: typer.Context,
    entry: Annotated[int, typer.Argument(metavar=_("NUMBER"), help=_("The act's number, as the command showed it."))],
) -> None:
    from kiosk import desk

    say = Answers()
    desk.undo(say, home_of(context), entry)
    end(say)


def pay(context: typer.Context, fee: Fee, amount: Amount = None) -> None:
    from kiosk import desk

    say = Answers()
    desk.settle_fee(say, home_of(context), fee, amount, None)
    end(say)


def waive(
    context: typer.Context,
    fee: Fee,
    reason: Annotated[
        str, typer.Option(metavar=_("REASON"), help=_("Why, without a name: it is kept with the act for ever."))
    ],
    amount: Amount = None,
) -> None:
    from kiosk import desk

    say = Answers()
    desk.settle_fee(say, home_of(context), fee, amount, reason)
    end(say)


def _add_desk(app: typer.Typer) -> None:
    panel = _("Desk")
    app.command(
        help=_("Lend items to a reader."),
        epilog=example("tramsach checkout TN000101 TN.00011 TN.00081"),
        rich_help_panel=panel,
    )(checkout)
    app.command(help=_("Take items back."), epilog=example("tramsach checkin TN.00011"), rich_help_panel=panel)(checkin)
    app.command(
        help=_("Renew what a reader has: some items, or everything."),
        epilog=example("tramsach renew TN000101"),
        rich_help_panel=panel,
    )(renew)
    app.command(
        help=_("Show a reader's loans, holds and fees."),
        epilog=example("tramsach account TN000101 --json"),
        rich_help_panel=panel,
    )(account)
    app.command(
        help=_("Undo a checkout, checkin or renewal that was the last act on its item."),
        epilog=example("tramsach undo 1042"),
        rich_help_panel=panel,
    )(undo)
    fees = typer.Typer(help=_("Take or waive what a reader owes."), no_args_is_help=True)
    fees.command(help=_("Take money for a fee."), epilog=example("tramsach fees pay 3f2a9c41d07be865 --amount 5000"))(
        pay
    )
    fees.command(help=_("Forgive a fee."), epilog=example("tramsach fees waive 3f2a9c41d07be865 --reason 'ốm'"))(waive)
    app.add_typer(fees, name="fees", rich_help_panel=panel)


# --- catalogue and readers --------------------------------------------------------------------------------------------


def import_titles(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar=_("FILE…"), help=_("MARC 21 (.mrc) or MARCXML files."))],
    mapping: Annotated[
        str,
        typer.Option(
            metavar=_("NAME"), help=_("Where the copies are described: auto, koha (952), 949, 852, or a mapping file.")
        ),
    ] = "auto",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    from kiosk import catalogue

    say = Answers(as_json=as_json)
    catalogue.import_titles(say, home_of(context), files, mapping, dry_run=dry_run)
    end(say)


def import_readers(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar=_("FILE…"), help=_("CSV or XLSX files with a line of headings."))
    ],
    mapping: Annotated[
        str,
        typer.Option(
            metavar=_("NAME"), help=_("auto recognises the usual headings; or a file that names your columns.")
        ),
    ] = "auto",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    from kiosk import catalogue

    say = Answers(as_json=as_json)
    catalogue.import_readers(say, home_of(context), files, mapping, dry_run=dry_run)
    end(say)


def forget(
    context: typer.Context,
    patron: Patron,
    yes: Annotated[bool, typer.Option("--yes", help=_("Do not ask."))] = False,
) -> None:
    from kiosk import catalogue

    say = Answers()
    catalogue.forget(say, home_of(context), patron, yes=yes)
    end(say)


def search(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(metavar=_("WORDS…"), help=_("Title, author, subject, call number, barcode or ISBN.")),
    ],
    limit: Annotated[int, typer.Option(metavar=_("NUMBER"), min=1, max=200, help=_("At most so many titles."))] = 10,
    page: Annotated[int, typer.Option(metavar=_("NUMBER"), min=1, help=_("Which page of so many."))] = 1,
    as_json: Json = False,
) -> None:
    from kiosk import catalogue

    say = Answers(as_json=as_json)
    catalogue.search(say, home_of(context), " ".join(words), limit=limit, page=page)
    end(say)


def _add_catalogue(app: typer.Typer) -> None:
    panel = _("Catalogue and readers")
    app.command(
        help=_("Find titles, with or without diacritics."),
        epilog=example("tramsach search truyen kieu"),
        rich_help_panel=panel,
    )(search)
    titles = typer.Typer(help=_("The catalogue: titles and items."), no_args_is_help=True)
    titles.callback()(_group)
    titles.command(
        "import",
        help=_("Bring in a catalogue from another system; nothing comes in twice."),
        epilog=example("tramsach catalogue import export.mrc --mapping koha --dry-run"),
    )(import_titles)
    app.add_typer(titles, name="catalogue", rich_help_panel=panel)
    patrons = typer.Typer(help=_("Readers: import a list, forget one."), no_args_is_help=True)
    patrons.command(
        "import",
        help=_("Bring in readers from a list; nobody comes in twice."),
        epilog=example("tramsach patrons import ban-doc.xlsx"),
    )(import_readers)
    patrons.command(
        help=_("Erase a reader who has nothing out and owes nothing."),
        epilog=example("tramsach patrons forget TN000101"),
    )(forget)
    app.add_typer(patrons, name="patrons", rich_help_panel=panel)


def _group() -> None:
    """Makes a group of one command a group all the same."""


# --- the station ------------------------------------------------------------------------------------------------------


def check(context: typer.Context, as_json: Json = False) -> None:
    from kiosk import settings

    say = Answers(as_json=as_json)
    settings.check(say, home_of(context))
    end(say)


def show(
    context: typer.Context,
    category: Annotated[
        str | None,
        typer.Option(metavar=_("CATEGORY"), help=_("Show the loan policy of this category of reader.")),
    ] = None,
    item_type: Annotated[str | None, typer.Option(metavar=_("TYPE"), help=_("… for this type of item."))] = None,
    branch: Annotated[
        str | None,
        typer.Option(metavar=_("BRANCH"), help=_("… at this branch; the station's own if not given.")),
    ] = None,
    as_json: Json = False,
) -> None:
    from kiosk import settings

    say = Answers(as_json=as_json)
    settings.show(say, home_of(context), category, item_type, branch)
    end(say)


def holidays(
    context: typer.Context,
    years: Annotated[list[int], typer.Argument(metavar=_("YEAR…"), help=_("Years, such as 2027."), min=1901, max=2100)],
) -> None:
    from kiosk import settings

    say = Answers()
    settings.holidays(say, home_of(context), years)
    end(say)


def doctor(
    context: typer.Context,
    confirm_clock: Annotated[
        bool,
        typer.Option(
            "--confirm-clock", help=_("You have checked the station's date and time: believe the clock again.")
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    from kiosk import doctor as work

    say = Answers(as_json=as_json)
    work.doctor(say, home_of(context), confirm_clock=confirm_clock)
    end(say)


def _add_station(app: typer.Typer) -> None:
    panel = _("Station")
    app.command(
        help=_("Look the station over: one page that says what is wrong and what to do."),
        epilog=example("tramsach doctor"),
        rich_help_panel=panel,
    )(doctor)
    config = typer.Typer(
        help=_("Settings: check them, see them, and where each value comes from."), no_args_is_help=True
    )
    config.command(help=_("Check all settings and rules; every mistake is named at once."))(check)
    config.command(
        help=_("Show the settings, or one loan policy, with the origin of each value."),
        epilog=example("tramsach config show --category child --item-type book"),
    )(show)
    config.command(
        help=_("Write the public holidays of some years to the station's calendar."),
        epilog=example("tramsach config holidays 2026 2027"),
    )(holidays)
    app.add_typer(config, name="config", rich_help_panel=panel)
    add_devices(app, panel)
    add_tags(app, panel)
