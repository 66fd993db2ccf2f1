"""What a seat does by itself: whether it is locked, until when it is open, what it says when. Pure.

Theory of operation. The seat is the truth about its own screen. It holds a *grant*, which has an end time by the
station's clock, and needs nobody to end it: a station that dies or a cable that is cut neither freezes a visit nor cuts
it short. What the station's time is, the seat reckons itself, from the greeting and from how long ago that was by a
clock that nobody sets (``mono_ms``: time since the computer started, sleep included). The computer's wall clock may be
wrong by any amount, and may be set while somebody sits there; it serves only to bridge a power cut, by how far it went
on in between. Where the time cannot be known, the seat is locked until the station is heard: unknown is locked.

All that must outlive a power cut is :class:`Seat`; the shell writes it to disk whenever it is told to :class:`Keep`,
proved with the seat's key, because a file that somebody has changed is worth as much as none. An end is remembered, so
that a grant that comes late does not open the seat again for a visit that its reader has ended; but one that the
station prolonged, while it could not be heard, goes on.

:func:`step` takes what happened and answers with the seat as it is then, and with what the shell must do. The order is
always: first time passes, then it happens. Source: facts/internet-room.md, 5.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Final, TypeAlias

from drivers.seat_protocol import (
    Ending,
    Extend,
    Grant,
    Hide,
    Lock,
    Message,
    More,
    Report,
    Reveal,
    Say,
    SeatView,
)

#: A greeting slower than this tells too little about the time.
GREETING_WITHIN_MS: Final = 10_000
#: How often an open seat is written to disk: by so much at most a clock set back during a power cut prolongs a visit.
_KEEP_EVERY_MS: Final = 60_000
#: A wall clock that is off by more than this from what it was has been set.
_CLOCK_SET_MS: Final = 2_000
#: Wrong codes before only the station brings a hidden screen back.
TRIES: Final = 5
CODE_DIGITS: Final = 4
_MAC: Final = 32
#: Goes into the proof of what is kept; another number for another layout, so that an old one is as good as none.
_KEPT: Final = b"kept 1 "


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment as the computer has it: which start of it, milliseconds since then, and its wall clock in UTC."""

    boot: str
    mono_ms: int
    wall_ms: int


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the station's clock said at a moment of the computer's."""

    at: Instant
    station_ms: int

    def now(self, at: Instant) -> int | None:
        """The station's time at another moment; ``None`` where it cannot be known."""
        same = at.boot == self.at.boot
        passed = at.mono_ms - self.at.mono_ms if same else at.wall_ms - self.at.wall_ms
        return self.station_ms + passed if passed >= 0 else None


@dataclass(frozen=True, slots=True)
class Hidden:
    """The screen is hidden until an instant of the station's; ``wrong`` counts codes that were not ``code``."""

    code: str = field(repr=False)
    until: int
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Over:
    """A visit that has ended here."""

    visit: str
    ended_at: int
    why: Ending


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat as it is, and as it is kept. ``warned`` is the last warning that was given, in seconds before the end."""

    anchor: Anchor | None = None
    grant: Grant | None = None
    hidden: Hidden | None = None
    over: Over | None = None
    warned: int | None = None

    def now(self, at: Instant) -> int | None:
        """The station's time, as far as it is known."""
        return self.anchor.now(at) if self.anchor is not None else None

    def view(self, at: Instant) -> SeatView:
        """What the screen has to be."""
        now = self.now(at)
        if self.grant is None or now is None or now >= self.grant.ends_at:
            return SeatView.LOCKED
        return SeatView.OPEN if self.hidden is None else SeatView.HIDDEN


# --- what happens ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started:
    """The program has started; ``kept`` is what it found, ``None`` for nothing that can be believed."""

    kept: Seat | None


@dataclass(frozen=True, slots=True)
class Greeted:
    """The station said what its clock was, in answer to what was asked at ``asked_ms`` of this computer's uptime."""

    station_ms: int
    asked_ms: int


@dataclass(frozen=True, slots=True)
class Heard:
    """The station said something else."""

    message: Message


@dataclass(frozen=True, slots=True)
class Ticked:
    """A while has passed."""


@dataclass(frozen=True, slots=True)
class HideWished:
    """The reader wants to go for a moment, and chose a code of four digits."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CodeTyped:
    """Somebody wants the screen back."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LeaveWished:
    """The reader has finished."""


@dataclass(frozen=True, slots=True)
class MoreWished:
    """The reader wants more time, which only the station can give."""


Happening: TypeAlias = Started | Greeted | Heard | Ticked | HideWished | CodeTyped | LeaveWished | MoreWished


# --- what the shell must do ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Show:
    """The screen has to be like this from now on; tell the station too."""

    view: SeatView


@dataclass(frozen=True, slots=True)
class Keep:
    """Write the seat to disk, before anything else."""


@dataclass(frozen=True, slots=True)
class Warn:
    """So many seconds are left."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Read:
    """Show what the station says to the reader."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finish:
    """A visit is over: run the site's command, which logs off or starts the computer anew."""

    visit: str


@dataclass(frozen=True, slots=True)
class Send:
    """Say this to the station, if it can be heard."""

    message: More


@dataclass(frozen=True, slots=True)
class WrongCode:
    """The code was not right; so many tries are left."""

    tries: int


Effect: TypeAlias = Show | Keep | Warn | Read | Finish | Send | WrongCode


def step(seat: Seat, event: Happening, at: Instant) -> tuple[Seat, tuple[Effect, ...]]:
    """The seat after something happened, and what has to be done, in this order."""
    before = seat.view(at)
    if isinstance(event, Started):
        seat, before = _restored(event.kept, at), SeatView.LOCKED
    seat, passed = _time_passes(seat, at)
    seat, done = _happens(seat, event, at)
    seat, then = _time_passes(seat, at)
    effects: list[Effect] = [*passed, *done, *then]
    after = seat.view(at)
    if isinstance(event, Started) or after is not before or any(isinstance(e, Finish) for e in effects):
        effects.append(Show(after))
    keep = [e for e in effects if isinstance(e, Keep)][:1]
    return seat, (*keep, *(e for e in effects if not isinstance(e, Keep)))


def report(seat: Seat, at: Instant, refused: int = 0) -> Report:
    """What the station has to know of the seat: at every change, and as its heartbeat."""
    grant, over = seat.grant, seat.over
    return Report(
        view=seat.view(at).value,
        visit=grant.visit if grant is not None else "",
        ends_at=grant.ends_at if grant is not None else 0,
        over=over.visit if over is not None else "",
        over_at=over.ended_at if over is not None else 0,
        over_why=over.why.value if over is not None else "",
        refused=refused,
    )


def _restored(kept: Seat | None, at: Instant) -> Seat:
    """What holds after a start: what was kept, as far as the time is known; the grant stays for when it is again."""
    if kept is None:
        return Seat()
    now = kept.now(at)
    return kept if now is None else replace(kept, anchor=Anchor(at, now))


def _time_passes(seat: Seat, at: Instant) -> tuple[Seat, list[Effect]]:
    now, grant = seat.now(at), seat.grant
    if now is None or grant is None or seat.anchor is None:
        return seat, []
    if seat.hidden is not None and seat.hidden.until <= now and seat.hidden.until < grant.ends_at:
        return _ended(seat, grant, seat.hidden.until, Ending.HIDDEN)
    if grant.ends_at <= now:
        return _ended(seat, grant, grant.ends_at, Ending.TIME)
    effects: list[Effect] = []
    since = seat.anchor.at
    drift = (at.wall_ms - since.wall_ms) - (at.mono_ms - since.mono_ms)
    if now - seat.anchor.station_ms >= _KEEP_EVERY_MS or abs(drift) > _CLOCK_SET_MS:
        seat = replace(seat, anchor=Anchor(at, now))
        effects.append(Keep())
    left = grant.ends_at - now
    crossed = min((seconds for seconds in grant.warn if left <= seconds * 1000), default=None)
    if crossed is not None and (seat.warned is None or crossed < seat.warned):
        seat = replace(seat, warned=crossed)
        effects.append(Warn(-(-left // 1000)))
    return seat, effects


def _happens(seat: Seat, event: Happening, at: Instant) -> tuple[Seat, list[Effect]]:
    now, grant = seat.now(at), seat.grant
    match event:
        case Greeted():
            slow = at.mono_ms - event.asked_ms
            if not 0 <= slow <= GREETING_WITHIN_MS:
                return seat, []
            # Reckoned from when it was asked, so that the seat is never behind the station: it ends rather too soon.
            return replace(seat, anchor=Anchor(at, event.station_ms + slow)), [Keep()]
        case Heard():
            return _heard(seat, event.message, now)
        case LeaveWished() if grant is not None and now is not None:
            return _ended(seat, grant, now, Ending.LEFT)
        case MoreWished() if grant is not None:
            return seat, [Send(More(grant.visit))]
        case HideWished() if grant is not None and now is not None and seat.hidden is None:
            return _hidden(seat, grant, event.code, now)
        case CodeTyped() if seat.hidden is not None and seat.hidden.wrong < TRIES:
            if hmac.compare_digest(event.code.encode(), seat.hidden.code.encode()):
                return replace(seat, hidden=None), [Keep()]
            wrong = seat.hidden.wrong + 1
            return replace(seat, hidden=replace(seat.hidden, wrong=wrong)), [Keep(), WrongCode(TRIES - wrong)]
        case CodeTyped() if seat.hidden is not None:
            return seat, [WrongCode(0)]
        case _:
            return seat, []


def _heard(seat: Seat, message: Message, now: int | None) -> tuple[Seat, list[Effect]]:
    grant = seat.grant
    match message:
        case Grant():
            return _granted(seat, message, now)
        case Extend() if grant is not None and message.visit == grant.visit:
            return _granted(seat, replace(grant, ends_at=message.ends_at), now)
        case Lock() if grant is not None and message.visit in {"", grant.visit}:
            ended_at = min(now, grant.ends_at) if now is not None else grant.ends_at
            return _ended(seat, grant, ended_at, Ending.LOCKED)
        case Hide() if grant is not None and now is not None and message.visit == grant.visit:
            return _hidden(seat, grant, message.code, now)
        case Reveal() if grant is not None and seat.hidden is not None and message.visit == grant.visit:
            return replace(seat, hidden=None), [Keep()]
        case Say():
            return seat, [Read(message.text)]
        case _:
            return seat, []


def _granted(seat: Seat, grant: Grant, now: int | None) -> tuple[Seat, list[Effect]]:
    """A grant, or the same with another end. It opens nothing that is over, unless it says that time goes on."""
    over, before = seat.over, seat.grant
    if now is None or grant == before:
        return seat, []
    if grant.ends_at <= now:
        same = before is not None and before.visit == grant.visit
        return _ended(seat, grant, now, Ending.TIME) if same else (seat, [])
    if over is not None and over.visit == grant.visit and over.why is not Ending.TIME:
        return seat, []
    effects: list[Effect] = [Keep()]
    if before is None or before.visit == grant.visit:
        return replace(seat, grant=grant, warned=None), effects
    # The station has given the seat to somebody else: the one who sits here has ended her visit elsewhere.
    ended, finished = _ended(seat, before, now, Ending.LOCKED)
    return replace(ended, grant=grant), [*finished, *effects]


def _hidden(seat: Seat, grant: Grant, code: str, now: int) -> tuple[Seat, list[Effect]]:
    if not grant.hide_s or len(code) != CODE_DIGITS or not (code.isascii() and code.isdigit()):
        return seat, []
    return replace(seat, hidden=Hidden(code, now + grant.hide_s * 1000)), [Keep()]


def _ended(seat: Seat, grant: Grant, ended_at: int, why: Ending) -> tuple[Seat, list[Effect]]:
    over = Over(grant.visit, ended_at, why)
    return Seat(anchor=seat.anchor, over=over), [Keep(), Finish(grant.visit)]


# --- what is kept ----------------------------------------------------------------------------------------------------


def encode_kept(seat: Seat, key: bytes) -> bytes:
    """A seat as it is written to disk, proved with its key."""
    text = json.dumps(asdict(seat), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return hmac.digest(key, _KEPT + text, "sha256") + text


def decode_kept(kept: bytes, key: bytes) -> Seat | None:
    """What was written; ``None`` for what this seat never wrote: cut short, changed, or another's."""
    proof, text = kept[:_MAC], kept[_MAC:]
    if not hmac.compare_digest(proof, hmac.digest(key, _KEPT + text, "sha256")):
        return None
    raw = json.loads(text)
    anchor, grant, hidden, over = raw["anchor"], raw["grant"], raw["hidden"], raw["over"]
    return Seat(
        anchor=Anchor(Instant(**anchor["at"]), anchor["station_ms"]) if anchor else None,
        grant=Grant(**{**grant, "warn": tuple(grant["warn"])}) if grant else None,
        hidden=Hidden(**hidden) if hidden else None,
        over=Over(over["visit"], over["ended_at"], Ending(over["why"])) if over else None,
        warned=raw["warned"],
    )
