"""A station's side of the exchange in the terminal: call now, say how it stands, sticks, enrolment."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from config.headquarters import Headquarters, load_headquarters
from config.loader import Problems, reason_of
from config.phrase import ExplainedError, Phrase
from kiosk.i18n import _, language
from kiosk.terminal import Answers, progress
from sync.circulation.blocks import day
from sync.circulation.events import from_ms
from sync.circulation.model import local_day
from sync.exchange import enrolment
from sync.exchange.courier import read_stick, write_stick
from sync.exchange.papers import PaperRefused, normal_code
from sync.exchange.state import Heard, note, read_state, wake
from sync.exchange.transport import Https
from sync.exchange.worker import Called, Worker
from sync.store.clock import read_clock
from sync.store.errors import DatabaseInUse
from sync.store.ledger import Ledger
from sync.store.view import LedgerView, written

#: How long a running station gets to make the call that it was asked for.
_CALLED_WITHIN_S: Final = 30.0
#: How long headquarters may ask to wait, all in all, before a person is told to come back later.
_WAITS_AT_MOST_S: Final = 300.0
#: So many calls that neither send nor fetch anything are enough.
_IDLE_CALLS: Final = 5


class NotEnrolled(ExplainedError):
    """The station belongs to no headquarters, or the file that says so has mistakes."""

    def __init__(self, problems: Problems | None) -> None:
        found = [Phrase(one.say("vi"), one.say("en")) for one in problems or ()]
        none = Phrase(
            "Trạm này chưa thuộc trụ sở nào. Hãy xin trụ sở một mã rồi chạy: tramsach sync enrol URL MÃ.",
            "This station belongs to no headquarters. Ask one for a code, then run: tramsach sync enrol URL CODE.",
        )
        super().__init__(*(found or [none]))


# --- calling ----------------------------------------------------------------------------------------------------------


def sync_now(say: Answers, home: Path) -> None:
    """Call headquarters until there is nothing left to send or to fetch, or say why that cannot be."""
    place = _place(home)
    if not place.url:
        say.fail(_("This station has no network to headquarters; use: tramsach sync export, tramsach sync import."))
        return
    try:
        ledger = _own(home, place, "tramsach sync now", wait=0.5)
    except DatabaseInUse:
        _ask_the_station(say, home)
    else:
        with ledger:
            _call(say, home, place, ledger)
    show_status(say, home, troubles=False)


def _ask_the_station(say: Answers, home: Path) -> None:
    """A running station calls by itself: it is asked to do so at once, and what came of it is waited for."""
    before = read_state(home).tried_at
    wake(home)
    say.show(_("The station is running; it has been asked to call headquarters now."))
    until = time.monotonic() + _CALLED_WITHIN_S
    while (state := read_state(home)).tried_at == before:
        if time.monotonic() > until:
            say.fail(_("The station has not called yet; see `tramsach sync status` in a moment."))
            return
        time.sleep(0.2)
    if state.trouble is not None:
        say.fail(state.trouble)


def _call(say: Answers, home: Path, place: Headquarters, ledger: Ledger) -> None:
    with (
        progress(_("Exchange with headquarters"), quiet=say.as_json) as bar,
        Https(place.url, place.certificate) as road,
        Worker(
            home,
            place,
            road,
            _Owner(ledger),
            clock=read_clock,
            version=version("tramsach"),
            now=time.monotonic(),
            rng=random.Random(),
        ) as worker,
    ):
        at_first = ledger.standing_towards(place.hq).unsent
        waited, idle = 0.0, 0
        while idle < _IDLE_CALLS:
            stood = ledger.standing_towards(place.hq)
            called = worker.call(time.monotonic())
            heard = called.heard
            if heard is None or called.trouble is not None:
                say.fail(called.trouble or Phrase("Cuộc gọi không thành.", "The call came to nothing."))
                return
            stands = ledger.standing_towards(place.hq)
            bar(at_first - stands.unsent, max(at_first, 1))
            if not (stands.unsent or heard.more or heard.resnapshot):
                return
            wait = _silence(called)
            waited += wait
            if waited > _WAITS_AT_MOST_S:
                break
            moved = (stands.unsent, stands.cursor) != (stood.unsent, stood.cursor) or heard.snapshot is not None
            idle = 0 if moved or wait else idle + 1
            time.sleep(wait)
    say.fail(_("Headquarters is not ready yet; the rest follows later."))


def _silence(called: Called) -> float:
    heard = called.heard
    return float(heard.slow_down_s) if heard is not None and heard.slow_down_s is not None else 0.0


@dataclass(frozen=True, slots=True)
class _Owner:
    """The ledger's owner for a worker in this very thread."""

    ledger: Ledger

    def note(self, heard: Heard) -> bool:
        """As :meth:`sync.exchange.worker.Owner.note`."""
        note(self.ledger, heard)
        return True

    def prune(self, before: datetime) -> bool:
        """As :meth:`sync.exchange.worker.Owner.prune`."""
        self.ledger.prune(before)
        return True


# --- how it stands ----------------------------------------------------------------------------------------------------


def show_status(say: Answers, home: Path, *, troubles: bool = True) -> None:
    """Say what headquarters does not have yet, by what it has acknowledged and by nothing else."""
    place = _place(home)
    state = read_state(home)
    with LedgerView.open(home, station=place.station, epoch=place.epoch, branch=place.branch, clock=read_clock) as view:
        stands = view.standing_towards(place.hq)
        oldest, known = view.unsent()[1], view.acknowledged()
    days = max(0, (stands.moment.at - oldest).days) if oldest is not None and stands.unsent else 0
    trouble = state.trouble
    say.document(
        {
            "headquarters": place.hq,
            "station": place.station,
            "epoch": place.epoch,
            "branch": place.branch,
            "url": place.url,
            "last_event": stands.head.seq,
            "unsent": stands.unsent,
            "oldest_unsent": oldest.isoformat() if oldest and stands.unsent else None,
            "logged": known.logged if known else 0,
            "safe": known.safe if known else 0,
            "cursor": stands.cursor,
            "online": state.online,
            "last_call": _iso(state.tried_at),
            "last_heard": _iso(state.heard_at),
            "trouble": trouble.say(language()) if trouble else None,
        }
    )
    say.show(
        _("Station {station} (epoch {epoch}) of headquarters {hq}.").format(
            station=place.station, epoch=place.epoch, hq=place.hq
        ),
        _unsent_sentence(stands.unsent, days),
    )
    if known is None:
        say.show(_("Headquarters has not answered this station yet."))
    else:
        heard = day(local_day(known.heard_at))
        say.show(
            _("Headquarters has everything up to event {logged}, safely up to {safe} (heard on {day}).").format(
                logged=known.logged, safe=known.safe, day=heard
            )
        )
    if trouble is not None and troubles:
        say.fail(trouble)
    if stands.unsent:
        say.show(_next_step(place, trouble))


def _unsent_sentence(unsent: int, days: int) -> str:
    if not unsent:
        return _("Everything is at headquarters.")
    if unsent == 1:
        said = _("1 event is not yet at headquarters")
    else:
        said = _("{count} events are not yet at headquarters").format(count=unsent)
    if not days:
        return said + _(", the oldest of today.")
    return said + (_(", the oldest 1 day old.") if days == 1 else _(", the oldest {days} days old.").format(days=days))


def _next_step(place: Headquarters, trouble: Phrase | None) -> str:
    if not place.url:
        return _("Next: tramsach sync export, with a stick.")
    if trouble is not None:
        return _("The station calls again by itself. At once: tramsach sync now. By stick: tramsach sync export.")
    return _("They follow by themselves. At once: tramsach sync now.")


def _iso(ms: int | None) -> str | None:
    return None if ms is None else from_ms(ms).astimezone(UTC).isoformat()


# --- sticks -----------------------------------------------------------------------------------------------------------


def export_bundle(say: Answers, home: Path, folder: Path) -> None:
    """Write what headquarters has not acknowledged onto a stick."""
    place = _place(home)
    if not folder.is_dir():
        say.fail(_("There is no folder {folder}.").format(folder=folder))
        return
    done = write_stick(home, place, folder, clock=read_clock, version=version("tramsach"))
    manifest = done.manifest
    count = manifest.last - manifest.first + 1 if manifest.last else 0
    say.document(
        {
            "file": str(done.path),
            "number": manifest.number,
            "first": manifest.first,
            "last": manifest.last,
            "events": count,
            "bytes": done.size,
        }
    )
    say.show(
        _("Bundle {number} with {count} events is on the stick, read back and whole: {file}").format(
            number=manifest.number, count=count, file=done.path
        ),
        _("They count as sent only when headquarters' answer has come back: tramsach sync import."),
    )


def import_bundles(say: Answers, home: Path, folder: Path) -> None:
    """Take headquarters' answers from a stick."""
    place = _place(home)
    if not folder.is_dir():
        say.fail(_("There is no folder {folder}.").format(folder=folder))
        return
    command = "tramsach sync import"
    with (
        _own(home, place, command, wait=5.0) as ledger,
        progress(_("Reading the stick"), quiet=say.as_json) as bar,
    ):
        read = read_stick(
            home,
            place,
            folder,
            lambda heard: note(ledger, heard),
            clock=read_clock,
            version=version("tramsach"),
            command=command,
            progress=bar,
        )
    say.document(
        [
            {
                "file": str(one.path),
                "heard": one.heard,
                "snapshot": one.snapshot,
                "refused": one.refused.reason.value if one.refused else None,
            }
            for one in read
        ]
    )
    if not read:
        say.fail(_("There is no bundle for this station on the stick."))
        return
    for one in read:
        if one.refused is not None:
            say.fail(f"{one.path.name}: {one.refused.phrase.say(language())}")
    if not say.as_json:
        show_status(say, home)


# --- enrolment --------------------------------------------------------------------------------------------------------


def enrol_online(say: Answers, home: Path, url: str, typed: str) -> None:
    """Be enrolled with a code over the network, and fetch what a station needs to work."""
    code = _code(say, typed)
    if code is None:
        return
    _refuse_running(home)
    with Https(url, unproven=True) as road:
        request = enrolment.ask(home, code, version=version("tramsach"), url=url)
        raw = road.enrol(request)
    if not _taken(say, home, raw):
        return
    sync_now(say, home)


def write_request(say: Answers, home: Path, typed: str, file: Path) -> None:
    """Write a request to be carried to headquarters."""
    code = _code(say, typed)
    if code is None:
        return
    _refuse_running(home)
    file.write_bytes(enrolment.ask(home, code, version=version("tramsach")))
    say.document({"request": str(file)})
    say.show(
        _("The request is in {file}. At headquarters: tramsach hq station enrol {file} --response ANSWER.").format(
            file=file
        ),
        _("Then here: tramsach sync enrol --response ANSWER."),
    )


def take_response(say: Answers, home: Path, file: Path) -> None:
    """Take headquarters' answer from a file."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        said = _("Cannot read {file}: {reason}.").format(file=file, reason=reason_of(error).say(language()))
        say.fail(said)
        return
    if _taken(say, home, raw):
        say.show(_("Next: tramsach sync import, with the stick from headquarters."))


def finish_enrolment(say: Answers, home: Path) -> None:
    """Bring an enrolment to its end that was cut off."""
    done = enrolment.finish(home, clock=read_clock, command="tramsach sync enrol")
    if done is None:
        raise enrolment.NotAsked
    _show_enrolled(say, done)


def _code(say: Answers, typed: str) -> str | None:
    code = normal_code(typed)
    if code is None:
        say.fail(_("A code has 20 letters and digits, such as 7QF3M-2XK9P-TB4HD-W8ZC5."))
    return code


def _taken(say: Answers, home: Path, raw: bytes) -> bool:
    done = enrolment.take(home, raw, clock=read_clock, command="tramsach sync enrol")
    if isinstance(done, PaperRefused):
        say.fail(done.phrase)
        return False
    _show_enrolled(say, done)
    return True


def _show_enrolled(say: Answers, done: enrolment.Enrolled) -> None:
    place = done.place
    say.show(
        _("This is now station {station} (epoch {epoch}) at {branch}, of headquarters {hq}.").format(
            station=place.station, epoch=place.epoch, branch=place.branch, hq=place.hq
        )
    )
    if done.waiting:
        say.show(_("{count} events written before wait to be sent.").format(count=done.waiting))


def _refuse_running(home: Path) -> None:
    """A station that runs would go on under its old name: it has to be ended first. The ledger may be one that was put
    back, and go by another epoch than the settings say."""
    claimed = written(home, most=0)
    if claimed is not None:
        with Ledger.open_for_writing(
            home,
            station=claimed.station,
            epoch=claimed.epoch,
            branch="",
            clock=read_clock,
            actor="sync",
            command="tramsach sync enrol",
            wait=0.5,
            enrolling=True,
        ):
            pass


# --- what all of them need --------------------------------------------------------------------------------------------


def _place(home: Path) -> Headquarters:
    place = load_headquarters(home)
    if not isinstance(place, Headquarters):
        raise NotEnrolled(place)
    return place


def _own(home: Path, place: Headquarters, command: str, *, wait: float) -> Ledger:
    return Ledger.open_for_writing(
        home,
        station=place.station,
        epoch=place.epoch,
        branch=place.branch,
        clock=read_clock,
        actor="sync",
        command=command,
        wait=wait,
    )
