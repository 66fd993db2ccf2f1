"""What a headquarters is: the settings in ``hq.toml`` of its folder, written by ``tramsach hq init`` and free to be
edited.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from config.loader import Built, Problems, build, dump, read_toml, write_toml
from config.phrase import Phrase
from config.values import Between, OneLine, Pattern, Secret

#: The name of the file in a headquarters' folder.
HQ_FILE = "hq.toml"

_CODE = Pattern(
    "[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?",
    Phrase(
        "Chỉ dùng chữ cái không dấu, chữ số và dấu gạch nối ở giữa, nhiều nhất 32 ký tự, ví dụ TVT.",
        "Use letters without marks, digits, and hyphens between them, at most 32 in all, such as TVT.",
    ),
)


@dataclass(frozen=True, slots=True)
class Hq:
    """The settings of one headquarters.

    ``hq``            its identifier, in every batch that is written for it; it stays for ever.
    ``name``          what people call it.
    ``url``           where stations reach it, ``https://…``; empty where they have sticks alone.
    ``database``      the ``postgresql://`` URL of its database; none for the embedded one in its folder.
    ``host``, ``port``  where it listens; this machine alone unless told otherwise.
    ``behind_proxy``  whether a proxy before it does the TLS, with a certificate of the public authorities.
    ``keep_backups``  how many of its nightly backups stay.
    """

    hq: Annotated[str, _CODE]
    name: Annotated[str, OneLine(least=0, most=120)] = ""
    url: Annotated[str, OneLine(least=0, most=300)] = ""
    database: Secret | None = None
    host: Annotated[str, OneLine(most=120)] = "127.0.0.1"
    port: Annotated[int, Between(0, 65535)] = 8443
    behind_proxy: bool = False
    keep_backups: Annotated[int, Between(1, 366)] = 7


def load_hq(folder: Path) -> Hq | Problems | None:
    """The settings of the headquarters whose folder this is; ``None`` where there is none."""
    file = folder / HQ_FILE
    if not os.path.lexists(file):
        return None
    found = read_toml(file)
    if isinstance(found, Problems):
        return found
    built = build(Hq, found, HQ_FILE)
    return built.value if isinstance(built, Built) else built


def write_hq(folder: Path, settings: Hq) -> Problems | None:
    """Keep settings, atomically and for this account alone; the problems when the disk will not have them."""
    return write_toml(folder / HQ_FILE, dump(settings, reveal=True))
