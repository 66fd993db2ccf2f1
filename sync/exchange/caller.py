"""The station's end of the exchange, whatever the road: what it says to headquarters, and what it makes of the answer.

Theory of operation. A *question* is made from the ledger as it stands, read beside its owner: who calls, how far the
station has listened, how far the ledger goes, and one batch of the events that headquarters has not acknowledged. The
*answer* is believed only when headquarters' pinned key signed it for this very question. Then, in this order: the
changes it brings are written into the reference, in one transaction with the cursor; and what it acknowledges is handed
on as :class:`Heard`, to be written into the ledger by the ledger's owner (:mod:`sync.exchange.state`). Killed in
between, the station asks again and is told again; nothing is done twice.

This half never waits, tries again or decides when to call; that is :mod:`sync.exchange.rhythm` and the worker. So a
network, a USB stick and a simulation can carry the same questions and answers.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from config.headquarters import Headquarters
from sync.circulation.clock import Reading
from sync.circulation.events import from_ms, to_ms
from sync.exchange import batch as batches
from sync.exchange.batch import BATCH_EVENTS
from sync.exchange.envelope import Road
from sync.exchange.keyring import machine_hint, read_keys, read_pins
from sync.exchange.messages import (
    NONCE_BYTES,
    Answer,
    Contact,
    MessageRefused,
    OpenedReply,
    open_reply,
    seal_contact,
)
from sync.exchange.reasons import Reason, Side
from sync.exchange.state import Heard
from sync.store.changes import take_changes
from sync.store.files import open_reference
from sync.store.view import Clock, LedgerView

#: Where a station keeps its keys, in its folder.
KEYS: Final = "keys"


@dataclass(frozen=True, slots=True)
class Question:
    """A contact ready to be sent, with what is needed to know its answer; ``asked`` is the clock before sending."""

    raw: bytes = field(repr=False)
    nonce: bytes
    asked: Reading


class Caller:
    """One station towards its headquarters. A context manager; owned by one thread.

    Raises :class:`~sync.exchange.disk.ExchangeError` for keys that cannot be read and
    :class:`~sync.store.errors.StoreError` for files that cannot.
    """

    def __init__(
        self,
        home: Path,
        place: Headquarters,
        *,
        clock: Clock,
        version: str,
        command: str = "tramsach sync",
        chance: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._home, self._place, self._clock = home, place, clock
        self._version, self._command, self._chance = version, command, chance
        self._keys = read_keys(home / KEYS)
        self._pins = read_pins(home / KEYS)
        self._hint = machine_hint(home / KEYS)
        self._view = LedgerView.open(home, station=place.station, epoch=place.epoch, branch=place.branch, clock=clock)

    def close(self) -> None:
        """Let go of the files."""
        self._view.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def unsent(self) -> int:
        """How many events headquarters has not acknowledged."""
        return self._view.standing_towards(self._place.hq).unsent

    def ask(self, *, most: int = BATCH_EVENTS, with_batch: bool = True, want_snapshot: bool = False) -> Question:
        """A question with at most so many events."""
        nonce, asked = self._chance(NONCE_BYTES), self._clock()
        contact, after = self._contact(nonce, asked, want_snapshot)
        sealed = self._batch(after, most) if with_batch else None
        return Question(seal_contact(self._keys[0], contact, sealed[1] if sealed else b""), nonce, asked)

    def take(self, question: Question, raw: bytes) -> Heard | MessageRefused:
        """Make the most of an answer: its changes are in the reference when this returns."""
        answered = self._clock()
        opened = self._open(raw, question.nonce, Road.HTTPS)
        if isinstance(opened, MessageRefused):
            return opened
        took_ms = max(0, answered.uptime_ms - question.asked.uptime_ms) if answered.boot == question.asked.boot else 0
        middle = question.asked.wall + timedelta(milliseconds=took_ms // 2)
        return self._taken(opened, offset_ms=opened.reply.now - to_ms(middle), spread_ms=took_ms // 2 + 1)

    def take_from_stick(self, raw: bytes) -> Heard | MessageRefused:
        """The same for an answer that came by stick. It may be an old one: nothing that is known goes back by it."""
        opened = self._open(raw, b"", Road.USB)
        return opened if isinstance(opened, MessageRefused) else self._taken(opened)

    def messages(self) -> Iterator[bytes]:
        """What goes on a stick: a contact without a batch, then every batch that is not acknowledged."""
        contact, after = self._contact(b"", self._clock(), want_snapshot=False)
        yield seal_contact(self._keys[0], contact)
        while (sealed := self._batch(after, BATCH_EVENTS)) is not None:
            after, raw = sealed
            yield raw

    def _contact(self, nonce: bytes, reading: Reading, want_snapshot: bool) -> tuple[Contact, int]:
        place, stands = self._place, self._view.standing_towards(self._place.hq)
        contact = Contact(
            hq=place.hq,
            station=place.station,
            epoch=place.epoch,
            nonce=nonce,
            boot=reading.boot,
            wall=to_ms(reading.wall),
            up=reading.uptime_ms,
            cursor=stands.cursor,
            seq=stands.head.seq,
            head=stands.head.hash,
            unsent=stands.unsent,
            version=self._version,
            hint=self._hint,
            want_snapshot=want_snapshot,
        )
        return contact, stands.after

    def _batch(self, after: int, most: int) -> tuple[int, bytes] | None:
        """The batch behind a number, and the number of its last event; ``None`` where nothing is."""
        outgoing = self._view.outgoing(after, limit=min(most, BATCH_EVENTS))
        if outgoing is None:
            return None
        raw = batches.seal(
            self._keys[0],
            hq=self._place.hq,
            station=self._place.station,
            epoch=self._place.epoch,
            first=outgoing.first,
            prev=outgoing.previous,
            records=outgoing.records,
            identities=outgoing.identities,
            salt=self._chance(16),
        )
        return outgoing.last, raw

    def _open(self, raw: bytes, nonce: bytes, road: Road) -> OpenedReply | MessageRefused:
        place = self._place
        return open_reply(
            raw, self._pins, hq=place.hq, station=place.station, epoch=place.epoch, nonce=nonce, road=road
        )

    def _taken(
        self, opened: OpenedReply, *, offset_ms: int | None = None, spread_ms: int | None = None
    ) -> Heard | MessageRefused:
        reply = opened.reply
        stands = self._view.standing_towards(self._place.hq)
        known = stands.cursor
        if reply.since > known:
            return MessageRefused(Reason.EARLIER_MISSING, Side.HEADQUARTERS)
        # A history under our numbers that is not ours: nothing of ours is there by it, and nothing told on top of it
        # fits.
        ours = reply.answer is not Answer.FORK and self._view.is_ours(reply.logged, reply.head)
        if ours and reply.cursor > known:
            with open_reference(self._home, command=self._command) as file:
                take_changes(
                    file,
                    (change for change in opened.changes if change.cursor > known),
                    headquarters=reply.hq,
                    cursor=reply.cursor,
                    told_at=from_ms(reply.now),
                )
        return Heard(
            number=reply.now,
            fresh=offset_ms is not None,
            answer=(reply.answer if ours else Answer.FORK).value,
            reason=reply.reason.value if reply.reason else None,
            logged=reply.logged if ours else stands.after,
            safe=reply.safe,
            more=reply.more,
            resnapshot=reply.resnapshot,
            snapshot=reply.snapshot if ours else None,
            slow_down_s=reply.slow_down_s,
            batch_limit=reply.batch_limit,
            upgrade=reply.upgrade,
            offset_ms=offset_ms,
            spread_ms=spread_ms,
        )
