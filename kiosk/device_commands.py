"""The surface of ``tramsach devices`` and ``tramsach simulate``. What they do is in modules of their own."""

from __future__ import annotations

from typing import Annotated

import typer

from kiosk.command_parts import Json, end, example, home_of
from kiosk.i18n import _
from kiosk.terminal import Answers

Name = Annotated[str, typer.Argument(metavar=_("NAME"), help=_("The device's name in devices.toml."))]


def listed(context: typer.Context, as_json: Json = False) -> None:
    from kiosk import devices

    say = Answers(as_json=as_json)
    devices.show_devices(say, home_of(context))
    end(say)


def probe(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Argument(
            metavar=_("[ADDRESS]"),
            help=_("/dev/ttyUSB0, COM3, socket://host:port, usb …; every port that is in no settings if not given."),
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    from kiosk import devices

    say = Answers(as_json=as_json)
    devices.probe_addresses(say, home_of(context), url)
    end(say)


def try_one(
    context: typer.Context,
    name: Name,
    write: Annotated[
        bool, typer.Option("--write", help=_("Make the one blank tag on the pad a test tag, and try its security."))
    ] = False,
    seconds: Annotated[
        int, typer.Option(metavar=_("NUMBER"), min=1, max=600, help=_("How long to wait for a book, a card, a code."))
    ] = 20,
    as_json: Json = False,
) -> None:
    from kiosk import device_trials

    say = Answers(as_json=as_json)
    device_trials.try_device(say, home_of(context), name, write=write, seconds=seconds)
    end(say)


def watch(
    context: typer.Context,
    seconds: Annotated[
        int | None, typer.Option(metavar=_("NUMBER"), min=1, help=_("End after so many seconds; else with Ctrl-C."))
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print one JSON object a line for a machine to read."))
    ] = False,
) -> None:
    from kiosk import device_trials

    say = Answers(as_json=as_json)
    device_trials.watch(say, home_of(context), seconds)
    end(say)


Port = Annotated[
    int, typer.Option(metavar=_("NUMBER"), min=0, max=65535, help=_("A TCP or UDP port of this machine; 0 is any."))
]
Terminal = Annotated[
    bool, typer.Option("--pty", help=_("On a pseudo-terminal, like a serial port, instead of the network."))
]
Timing = Annotated[
    bool, typer.Option("--timing", help=_("Take the time that wire, air and paper of the real one take."))
]
Faulty = Annotated[
    list[str] | None, typer.Option("--fault", metavar=_("FAULT"), help=_("Begin with a fault; may be given often."))
]
Model = Annotated[str, typer.Option(metavar=_("DRIVER"), help=_("Which make of pad: the driver that speaks to it."))]


def simulate_pad(
    port: Port = 0, pty: Terminal = False, timing: Timing = False, fault: Faulty = None, model: Model = "feig"
) -> None:
    _simulate("pad", port, pty=pty, timing=timing, faults=fault, model=model)


def simulate_card(port: Port = 0, timing: Timing = False, fault: Faulty = None) -> None:
    _simulate("card", port, timing=timing, faults=fault)


def simulate_scanner(port: Port = 0, pty: Terminal = False, timing: Timing = False, fault: Faulty = None) -> None:
    _simulate("scanner", port, pty=pty, timing=timing, faults=fault)


def simulate_printer(port: Port = 0, timing: Timing = False, fault: Faulty = None) -> None:
    _simulate("printer", port, timing=timing, faults=fault)


def _simulate(
    kind: str, port: int, *, timing: bool, faults: list[str] | None, pty: bool = False, model: str = ""
) -> None:
    from kiosk import simulate

    say = Answers()
    simulate.run(say, kind, port=port, pty=pty, timing=timing, faults=faults or (), model=model)
    end(say)


def add_devices(app: typer.Typer, panel: str) -> None:
    """Adds the two groups to the application."""
    devices = typer.Typer(help=_("Devices: what is plugged in, is it well, try it."), no_args_is_help=True)
    devices.command(
        "list",
        help=_("Show the station's devices and how they are, and what else is plugged in."),
        epilog=example("tramsach devices list"),
    )(listed)
    devices.command(
        help=_("Ask what is at an address, and propose the lines for devices.toml. Nothing is printed or written."),
        epilog=example("tramsach devices probe /dev/ttyUSB0"),
    )(probe)
    devices.command(
        "test",
        help=_("Try one device: read a tag, a card or a code, or print the test page."),
        epilog=example("tramsach devices test pad"),
    )(try_one)
    devices.command(
        help=_("Show what the devices report, as it happens; readers' numbers are masked."),
        epilog=example("tramsach devices watch"),
    )(watch)
    app.add_typer(devices, name="devices", rich_help_panel=panel)
    simulate = typer.Typer(
        help=_("One simulated device on a port, to try settings without hardware."), no_args_is_help=True
    )
    simulate.command(
        "pad",
        help=_("An RFID pad with books to lay on and to take away."),
        epilog=example("tramsach simulate pad --pty --fault answer_lost_after_write"),
    )(simulate_pad)
    simulate.command(
        "card", help=_("A card reader with cards to tap."), epilog=example("tramsach simulate card --port 54321")
    )(simulate_card)
    simulate.command(
        "scanner", help=_("A barcode scanner with codes to scan."), epilog=example("tramsach simulate scanner --pty")
    )(simulate_scanner)
    simulate.command(
        "printer",
        help=_("A receipt printer whose paper is a picture."),
        epilog=example("tramsach simulate printer --port 9100"),
    )(simulate_printer)
    app.add_typer(simulate, name="simulate", rich_help_panel=panel)
