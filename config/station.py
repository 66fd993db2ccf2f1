"""What a station is: the settings in ``station.toml`` of its folder, above those of its profile; name, epoch and
branch are headquarters' to say where there is one (``headquarters.toml``).

A profile is a set of settings that ships with the product for a kind of station (``stations/<profile>.toml``); it says
only what differs from the defaults here. Without a ``station.toml`` the defaults make a desk of its own that knows no
headquarters.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_data_path

from config.headquarters import HEADQUARTERS_FILE, load_headquarters
from config.loader import Built, Layer, Problems, build, read_toml
from config.phrase import Phrase
from config.values import Between, OneLine, Pattern, Secret

#: The name of a station's settings in its folder.
STATION_FILE = "station.toml"

_PROFILES = Path(__file__).with_name("stations")

_CODE = Pattern(
    "[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?",
    Phrase(
        "Chỉ dùng chữ cái không dấu, chữ số và dấu gạch nối ở giữa, nhiều nhất 32 ký tự, ví dụ TN-K01.",
        "Use letters without marks, digits, and hyphens between them, at most 32 in all, such as TN-K01.",
    ),
)


@dataclass(frozen=True, slots=True)
class Station:
    """The settings of one station.

    ``station``       its identifier in the network, in every event it writes.
    ``branch``        the code of the branch it stands in; it decides by that branch's rules.
    ``language``      what it speaks until somebody chooses otherwise.
    ``profile``       the kind of station, one of those that ship.
    ``epoch``         counts from 1; headquarters gives the next one when a station is cloned or restored.
    ``actor``         who acts, in events, when no member of staff has said so.
    ``service_mode``  how items are used when nothing else is said; the words of
                      ``sync.circulation.model.ServiceMode``.
    ``log_level``     the least serious message that is logged.
    ``pin``           where a kiosk asks readers for their PIN: nowhere, for the account, or before borrowing.
    ``staff_pin``     the PIN of the staff corner as argon2id's hash; without one the corner stays shut.
    ``barcode_items`` whether items without a chip are lent and taken by barcode.
    ``screen``        a kiosk's screen: 1080×1920, 1920×1080 or 1024×600; ``screen_inches`` its diagonal, by which
                      ``tramsach doctor`` tells whether letters are large enough; ``reduced_motion`` keeps it still.
    """

    station: Annotated[str, _CODE] = "MAIN-D01"
    branch: Annotated[str, _CODE] = "MAIN"
    language: Literal["vi", "en"] = "vi"
    profile: Literal["desk", "demo"] = "desk"
    epoch: Annotated[int, Between(1)] = 1
    actor: Annotated[str, OneLine(most=40)] = "desk"
    service_mode: Literal["on_site", "take_home", "mobile"] = "take_home"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    pin: Literal["none", "account", "always"] = "account"
    staff_pin: Secret | None = None
    barcode_items: bool = True
    screen: Literal["portrait", "landscape", "small"] = "portrait"
    screen_inches: Annotated[float, Between(5, 100)] = 21.5
    reduced_motion: bool = False


def load_station(home: Path) -> Built[Station] | Problems:
    """The settings of the station whose folder this is, each with its origin; all problems when there are some."""
    file = home / STATION_FILE
    own = read_toml(file) if os.path.lexists(file) else {}
    if isinstance(own, Problems):
        return own
    # Built once without the profile, because only a good file can be trusted to name it.
    alone = build(Station, [Layer(STATION_FILE, own)])
    if isinstance(alone, Problems):
        return alone
    shipped = _PROFILES / f"{alone.value.profile}.toml"
    profile = read_toml(shipped)
    if isinstance(profile, Problems):
        return profile
    place = load_headquarters(home)
    if isinstance(place, Problems):
        return place
    layers = [Layer(shipped.name, profile), Layer(STATION_FILE, own)]
    if place is not None:
        told = {"station": place.station, "epoch": place.epoch, "branch": place.branch}
        layers.append(Layer(HEADQUARTERS_FILE, told))
    return build(Station, layers)


def home_folder(explicit: Path | None = None) -> Path:
    """The station's folder, absolute; it need not exist.

    It is ``explicit`` (``--home``), else what ``TRAMSACH_HOME`` names, else ``tramsach`` where the operating system
    keeps a person's application files.
    """
    named = explicit or os.environ.get("TRAMSACH_HOME") or user_data_path("tramsach", appauthor=False)
    return Path(named).absolute()
