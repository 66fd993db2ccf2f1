"""How the exchange stands, in values that travel between the worker and the owner of the ledger.

Light on purpose: a kiosk imports this, and neither keys nor a network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from config.phrase import Phrase
from sync.store.ledger import Ledger

#: What is kept of the worker's state, in the station's folder; and the file whose appearance asks for a call at once.
STATE_FILE: Final = "exchange.json"
WAKE_FILE: Final = "exchange.now"


@dataclass(frozen=True, slots=True)
class Heard:
    """What headquarters said, once it is sure that it did.

    ``number`` orders its words, and ``fresh`` ones answer a question of this moment, so that they are newer than any.
    ``answer``, ``reason``, ``logged``, ``safe``, ``slow_down_s``, ``batch_limit``, ``upgrade``, ``more``,
    ``resnapshot`` and ``snapshot`` are those of :class:`~sync.exchange.messages.Reply`. ``offset_ms`` is how far its
    clock is ahead of ours, ``spread_ms`` the doubt in that; ``None`` where it came by stick.
    """

    number: int
    fresh: bool
    answer: str
    reason: str | None
    logged: int
    safe: int
    more: bool
    resnapshot: bool
    snapshot: str | None
    slow_down_s: int | None
    batch_limit: int
    upgrade: str | None
    offset_ms: int | None = None
    spread_ms: int | None = None


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How the exchange stands, as kept in ``exchange.json``; instants are milliseconds of UTC by the station's clock.

    ``heard_at`` is the last answer of headquarters, ``tried_at`` the last call, ``answer`` what was said.
    ``trouble_vi`` and ``trouble_en`` say what is wrong, empty when nothing is. ``failures`` counts calls in a row that
    came to nothing. ``night`` is the night (ISO day) whose long work is done.
    """

    heard_at: int | None = None
    tried_at: int | None = None
    answer: str = ""
    trouble_vi: str = ""
    trouble_en: str = ""
    failures: int = 0
    night: str = ""

    @property
    def trouble(self) -> Phrase | None:
        """What is wrong; ``None`` when nothing is."""
        return Phrase(self.trouble_vi, self.trouble_en) if self.trouble_en else None

    @property
    def online(self) -> bool:
        """Whether the last call reached headquarters."""
        return self.failures == 0 and self.heard_at is not None


def read_state(home: Path) -> State:
    """How the exchange of a station stands; that of a new one where nothing is known."""
    try:
        return msgspec.json.decode((home / STATE_FILE).read_bytes(), type=State)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return State()  # it is only a note about the past, and the next call writes it anew


def wake(home: Path) -> None:
    """Ask the worker of a running station to call at once. Raises ``OSError``."""
    (home / WAKE_FILE).touch()


def note(ledger: Ledger, heard: Heard) -> None:
    """Write what headquarters acknowledged, and how its clock stands to ours, into the ledger that one owns."""
    before = ledger.acknowledged()
    number = max(heard.number, before.number + 1) if heard.fresh and before is not None else heard.number
    ledger.acknowledge(number, heard.answer, logged=heard.logged, safe=heard.safe)
    if heard.offset_ms is not None and heard.spread_ms is not None:
        ledger.compare_clock(heard.offset_ms, heard.spread_ms)
