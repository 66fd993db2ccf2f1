"""The surface of ``tramsach tag``. What its commands do is in :mod:`kiosk.tags`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kiosk.command_parts import DryRun, Json, end, example, home_of
from kiosk.i18n import _
from kiosk.terminal import Answers


class WrittenModel(StrEnum):
    """The tag models that can be written."""

    ISO_28560_3 = "28560-3"
    ISO_28560_2 = "28560-2"
    RFID_501 = "rfid501"


def decode(
    context: typer.Context,
    given: Annotated[
        list[str],
        typer.Argument(
            metavar=_("HEX…"), help=_("The bytes of a chip, two digits each; - reads them from input, a chip a line.")
        ),
    ],
    uid: Annotated[
        str, typer.Option(metavar="UID", help=_("The chip's own number, to be looked for on the list of chips."))
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print one JSON object a line for a machine to read."))
    ] = False,
) -> None:
    from kiosk import tags

    say = Answers(as_json=as_json)
    tags.decode_tags(say, given, uid=uid, home=home_of(context))
    end(say)


def import_chips(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(metavar=_("FILE…"), help=_("CSV or XLSX files with a column UID and one with item numbers.")),
    ],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    from kiosk import catalogue

    say = Answers(as_json=as_json)
    catalogue.import_chips(say, home_of(context), files, dry_run=dry_run)
    end(say)


def encode(
    model: Annotated[WrittenModel, typer.Option(help=_("How the content is laid out."))],
    item_id: Annotated[
        str, typer.Option(metavar=_("ITEM"), help=_("The item's barcode; on a reader's card the card number."))
    ],
    isil: Annotated[str, typer.Option(metavar=_("ISIL"), help=_("The library that owns it, such as VN-TN."))] = "",
    parts_in_item: Annotated[
        int, typer.Option(metavar=_("NUMBER"), min=1, max=255, help=_("How many parts the item has."))
    ] = 1,
    part_number: Annotated[
        int, typer.Option(metavar=_("NUMBER"), min=1, max=255, help=_("Which of them this one is."))
    ] = 1,
    type_of_usage: Annotated[
        int,
        typer.Option(
            metavar=_("NUMBER"), min=0, max=15, help=_("1 lent, 2 read here, 7 discarded, 8 a reader's card.")
        ),
    ] = 1,
    field: Annotated[
        list[str] | None,
        typer.Option(metavar=_("NAME=VALUE"), help=_("One more element of 28560-2, such as shelf_location=895.922.")),
    ] = None,
    separate: Annotated[
        list[str] | None,
        typer.Option(metavar=_("NAME"), help=_("An element of 28560-2 that shares its blocks with no other.")),
    ] = None,
    size: Annotated[
        int, typer.Option(metavar=_("NUMBER"), min=1, max=8192, help=_("How many bytes the chip has room for."))
    ] = 112,
    reversed_blocks: Annotated[
        bool, typer.Option("--reversed-blocks", help=_("Turn every block round, for 28560-3 chips that are so."))
    ] = False,
) -> None:
    from kiosk import tags

    say = Answers()
    tags.encode_tag(
        say,
        model.value,
        item_id,
        isil,
        parts_in_item,
        part_number,
        type_of_usage,
        fields=field or (),
        separate=separate or (),
        size=size,
        reversed_blocks=reversed_blocks,
    )
    end(say)


def add_tags(app: typer.Typer, panel: str) -> None:
    """Adds the group to the application."""
    group = typer.Typer(help=_("Chips of items: read their bytes, write them."), no_args_is_help=True)
    group.command(
        help=_("Say what stands on chips, of whichever kind, and what is odd about them."),
        epilog=example("tramsach tag decode 11010131313232333334340000000000000000513E4445373035000000000000"),
    )(decode)
    group.command(
        help=_("Print the bytes to write on a chip."),
        epilog=example("tramsach tag encode --model 28560-3 --item-id TN.00011 --isil VN-TN"),
    )(encode)
    group.command(
        "map",
        help=_("Bring in a list of chips on which nothing is written: UID and item number."),
        epilog=example("tramsach tag map uids.csv"),
    )(import_chips)
    app.add_typer(group, name="tag", rich_help_panel=panel)
