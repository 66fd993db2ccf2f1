"""Where a station belongs: ``headquarters.toml`` of its folder, written by its enrolment and by nobody else.

What it says of the station (name, epoch, branch) wins over ``station.toml``. Keys and pins lie beside it in ``keys/``
(:mod:`sync.exchange.keyring`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from config.loader import Built, Problems, build, dump, read_toml, write_toml
from config.values import Between, OneLine

#: The name of the file in a station's folder.
HEADQUARTERS_FILE = "headquarters.toml"


@dataclass(frozen=True, slots=True)
class Headquarters:
    """A station's place in a network.

    ``hq``           the identifier of headquarters.
    ``url``          where it is reached, ``https://…``; empty for a station that has sticks alone.
    ``certificate``  the certificate it shows there, as PEM; empty where one of the public authorities vouches for it.
    ``station``, ``epoch``, ``branch``  what the station is called there.
    """

    hq: Annotated[str, OneLine(most=40)]
    station: Annotated[str, OneLine(most=40)]
    epoch: Annotated[int, Between(1)]
    branch: Annotated[str, OneLine(most=40)]
    url: Annotated[str, OneLine(least=0, most=300)] = ""
    certificate: str = ""


def load_headquarters(home: Path) -> Headquarters | Problems | None:
    """The place of the station whose folder this is; ``None`` for a station of its own."""
    file = home / HEADQUARTERS_FILE
    if not os.path.lexists(file):
        return None
    found = read_toml(file)
    if isinstance(found, Problems):
        return found
    built = build(Headquarters, found, HEADQUARTERS_FILE)
    return built.value if isinstance(built, Built) else built


def write_headquarters(home: Path, headquarters: Headquarters) -> Problems | None:
    """Keep a station's place, atomically; the problems when the disk will not have it."""
    return write_toml(home / HEADQUARTERS_FILE, dump(headquarters))
