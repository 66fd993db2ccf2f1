"""The worker of a station: calls headquarters in the background and does the long work of the night.

Theory of operation. It is a process of its own, so that nothing it does, hangs in or dies of is felt at the screen. It
reads the ledger (``mode=ro``), writes the reference, and never writes the ledger: what headquarters acknowledged it
*tells* to whoever owns the ledger, and goes on when that has been noted. So no batch is sent twice for want of a note;
and killed at any instant the worker leaves nothing half done.

One thread. Each turn (:meth:`Worker.turn`) looks at the ledger, asks :class:`~sync.exchange.rhythm.Rhythm` whether it
is time, and makes at most one call. How things stand is kept in ``exchange.json`` for ``tramsach sync status`` and the
staff corner, which have no other way to know why the last call failed.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec

from config.headquarters import Headquarters
from config.loader import reason_of, replace_file
from config.phrase import ExplainedError, Phrase
from sync.exchange.caller import KEYS, Caller
from sync.exchange.keyring import read_pins
from sync.exchange.messages import Answer, MessageRefused
from sync.exchange.rhythm import Rhythm
from sync.exchange.snapshot import SnapshotRefused, fetch_snapshot, open_manifest
from sync.exchange.state import STATE_FILE, WAKE_FILE, Heard, State, read_state
from sync.exchange.transport import Road, RoadBlocked
from sync.store.backup import back_up
from sync.store.files import Level, check
from sync.store.view import Clock, LedgerView

log = logging.getLogger(__name__)

#: Events younger than this stay in the ledger although headquarters has them safe: staff look back so far.
KEEP: Final = timedelta(days=60)

#: Answers after which the next batch may follow at once.
_GOES_ON: Final = {Answer.ACCEPTED, Answer.DUPLICATE, Answer.GAP}

#: What answers mean that a person has to do something about.
_TROUBLES: Final = {
    Answer.FORK: Phrase(
        "Trụ sở đã nhận từ trạm này những sự kiện khác với sổ ở đây: sổ được đặt lại từ bản sao lưu, hoặc máy bị nhân"
        " bản. Việc mượn trả vẫn tiếp tục; hãy đăng ký lại trạm: tramsach sync enrol.",
        "Headquarters has other events of this station than the ledger here: it was put back from a backup, or the"
        " machine was copied. Lending goes on; enrol the station again: tramsach sync enrol.",
    ),
    Answer.REVOKED: Phrase(
        "Trụ sở đã ngừng nhận sự kiện của trạm này. Việc mượn trả vẫn tiếp tục; hãy hỏi trụ sở rồi đăng ký lại.",
        "Headquarters no longer takes events of this station. Lending goes on; ask headquarters, then enrol again.",
    ),
    Answer.UPGRADE_REQUIRED: Phrase(
        "Trụ sở cần một bản Trạm Sách mới hơn ở trạm này. Hãy cập nhật trạm.",
        "Headquarters needs a newer Trạm Sách at this station. Update the station.",
    ),
    Answer.REFUSED: Phrase(
        "Trụ sở không nhận lô sự kiện vừa gửi. Hãy chạy “tramsach doctor” trên trạm và báo cho trụ sở.",
        "Headquarters did not take the batch just sent. Run “tramsach doctor” at the station and tell headquarters.",
    ),
}


class Owner(Protocol):
    """Whoever owns the ledger, as the worker sees them. Answers ``False`` for what could not be done."""

    def note(self, heard: Heard) -> bool:
        """Write what headquarters acknowledged (:func:`sync.exchange.state.note`)."""

    def prune(self, before: datetime) -> bool:
        """Prune the ledger (:meth:`sync.store.ledger.Ledger.prune`)."""


@dataclass(frozen=True, slots=True)
class Called:
    """What a call came to: an answer, or why there is none."""

    heard: Heard | None
    trouble: Phrase | None
    retry_after: int | None = None


class Worker:
    """One station's worker. A context manager; owned by one thread. Times are seconds of a monotonic clock."""

    def __init__(
        self,
        home: Path,
        place: Headquarters,
        road: Road,
        owner: Owner,
        *,
        clock: Clock,
        version: str,
        now: float,
        rng: random.Random,
        tell: Callable[[State], None] = lambda _state: None,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._home, self._place, self._road, self._owner = home, place, road, owner
        self._clock, self._rng, self._tell, self._alive = clock, rng, tell, alive
        self._caller = Caller(home, place, clock=clock, version=version)
        self._pins = read_pins(home / KEYS)
        self._view = LedgerView.open(home, station=place.station, epoch=place.epoch, branch=place.branch, clock=clock)
        self.state = read_state(home)
        night = date.fromisoformat(self.state.night) if self.state.night else None
        self._rhythm = Rhythm(next_call=now, last_night=night)
        self._seen = 0

    def close(self) -> None:
        """Let go of the files."""
        self._caller.close()
        self._view.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def turn(self, now: float) -> bool:
        """Look whether there is something to do, and do it: at most one call, or one night's work.

        Answers whether there is more to be done at once.
        """
        wake_file = self._home / WAKE_FILE
        if wake_file.exists():
            wake_file.unlink(missing_ok=True)
            self._rhythm = self._rhythm.woken(now)
        last = self._view.head().seq
        if last != self._seen:
            self._seen = last
            self._rhythm = self._rhythm.noticed(now)
        at = self._view.now().at
        if now >= self._rhythm.next_call:
            self.call(now)
        elif self._rhythm.is_night_work(self._place.station, at, is_open=self._is_open(at)):
            self._do_night(at)
        # After a gap nothing is nearer its end yet, and a headquarters that finds one again must not be overrun.
        return self._rhythm.next_call <= now and self.state.answer != Answer.GAP

    def call(self, now: float) -> Called:
        """One call, and what follows from it."""
        called = self._called()
        at = self._wall_ms()
        heard, trouble = called.heard, called.trouble
        if heard is None:
            self._rhythm = self._rhythm.failed(now, self._rng)
            if called.retry_after:
                self._rhythm = self._rhythm.put_off(now, float(called.retry_after))
            self._keep(tried_at=at, trouble=trouble, failures=self.state.failures + 1)
            return called
        left = heard.more or (heard.answer in _GOES_ON and self._caller.unsent > 0)
        self._rhythm = self._rhythm.answered(
            now,
            left=left and trouble is None,
            is_open=self._is_open(self._view.now().at),
            slow_down_s=heard.slow_down_s,
            batch_limit=heard.batch_limit,
        )
        self._keep(tried_at=at, heard_at=at, answer=heard.answer, trouble=trouble, failures=0)
        return called

    def _called(self) -> Called:
        try:
            question = self._caller.ask(most=self._rhythm.batch)
            heard = self._caller.take(question, self._road.exchange(question.raw))
            if isinstance(heard, MessageRefused):
                return Called(None, heard.phrase)
            if not self._owner.note(heard):
                return Called(None, _NOT_NOTED)
            if heard.snapshot is not None:
                self._fetch(heard.snapshot)
        except RoadBlocked as blocked:
            return Called(None, blocked.phrase, blocked.retry_after)
        except ExplainedError as error:
            log.error("the exchange met something broken: %s", type(error).__name__)
            return Called(None, error.phrases[0])
        return Called(heard, _TROUBLES.get(Answer(heard.answer)))

    def _fetch(self, name: str) -> None:
        place = self._place
        found = open_manifest(
            self._road.manifest(name), self._pins, hq=place.hq, station=place.station, epoch=place.epoch
        )
        if not isinstance(found, SnapshotRefused):
            done = fetch_snapshot(
                self._home,
                found,
                lambda start, end: self._road.fetch(name, start, end),
                command="tramsach sync",
                progress=lambda _have, _of: self._alive(),
            )
            if done is None:
                return
            found = done
        raise RoadBlocked(found.phrase)

    def _do_night(self, at: datetime) -> None:
        """Look at the files, copy the ledger, and prune it; a failure of one keeps no other from being done."""
        trouble = next((finding.phrase for finding in check(self._home) if finding.level is Level.FAILURE), None)
        try:
            back_up(self._home, at)
            self._owner.prune(at - KEEP)
        except ExplainedError as error:
            trouble = trouble or error.phrases[0]
        self._rhythm = self._rhythm.night_done(at)
        night = self._rhythm.last_night
        self._keep(trouble=trouble or self.state.trouble, night=night.isoformat() if night else "")

    def _is_open(self, at: datetime) -> bool:
        return self._view.rules().calendar(self._place.branch).is_open_at(at)

    def _wall_ms(self) -> int:
        return int(self._clock().wall.timestamp() * 1000)

    def _keep(self, *, trouble: Phrase | None, **changed: int | str | None) -> None:
        said = {"trouble_vi": trouble.vi if trouble else "", "trouble_en": trouble.en if trouble else ""}
        self.state = msgspec.structs.replace(self.state, **changed, **said)
        try:
            # It is written at every call, and after a power cut the next call writes it anew.
            replace_file(self._home / STATE_FILE, msgspec.json.encode(self.state), lasting=False)
        except OSError as error:
            log.error("the state of the exchange was not kept: %s", reason_of(error).en)
        self._tell(self.state)


_NOT_NOTED = Phrase(
    "Sổ của trạm chưa ghi được lời xác nhận của trụ sở; trạm sẽ gọi lại.",
    "The station's ledger could not note what headquarters acknowledged; the station calls again.",
)
