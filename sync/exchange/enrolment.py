"""How a station comes to belong to a headquarters: the station's side, online or by stick.

Theory of operation. :func:`ask` makes new keys *aside* and a request, and keeps both with the code's key in
``keys/enrolment/`` until the answer is there, be it in a second or on a stick in a month; the station meanwhile goes on
with the keys it has. Asked again with the same code, it answers the same request, so that an answer which was lost on
its way costs no new code.

:func:`take` believes an answer that knows the code and answers this very request. It is kept beside the request first,
and then step by step made true: the ledger begins its new epoch, the keys come into use, headquarters' key is pinned,
``headquarters.toml`` is written, and last what was aside is thrown away. Every step may be done twice; killed anywhere
in between, :func:`take` or :func:`finish` goes on to the end.

Source: facts/sync.md, section 5.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from config.headquarters import Headquarters, load_headquarters, write_headquarters
from config.loader import Problems
from config.phrase import ExplainedError, Phrase
from sync.exchange.caller import KEYS
from sync.exchange.disk import LOCAL, translated, write_whole
from sync.exchange.keyring import KeysDamaged, adopt_keys, machine_hint, make_keys, read_keys, write_pins
from sync.exchange.keys import Pin, Pins
from sync.exchange.papers import (
    MOST_HASHES,
    MOST_REQUEST,
    PREFIX_BYTES,
    Before,
    EnrolmentRequest,
    EnrolmentResponse,
    PaperRefused,
    code_handle,
    code_key,
    open_response,
    read_request,
    seal_request,
)
from sync.store.ledger import Ledger
from sync.store.view import Clock, Written, written

#: What is aside until an enrolment is done, in the folder of keys.
_ASIDE: Final = "enrolment"
_WAITING: Final = "waiting.json"


class NotAsked(ExplainedError):
    """There is an answer, but no request that it could belong to."""

    def __init__(self) -> None:
        super().__init__(
            Phrase(
                "Trạm này chưa xin đăng ký, hoặc việc đăng ký đã xong. Hãy bắt đầu bằng: tramsach sync enrol.",
                "This station has not asked to be enrolled, or its enrolment is done. Begin with: tramsach sync enrol.",
            )
        )


class CannotSettle(ExplainedError):
    """A file of settings cannot be read or written; its phrases say which and why."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(*(Phrase(problem.say("vi"), problem.say("en")) for problem in problems))


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What an enrolment came to: the station's place, and how many events wait to be sent."""

    place: Headquarters
    waiting: int


class _Waiting(msgspec.Struct):
    """``key`` is the code's (:func:`sync.exchange.papers.code_key`); ``url`` where the answer was asked for, if it
    was; ``response`` the answer, once it is believed."""

    key: bytes
    request: bytes
    url: str = ""
    response: bytes | None = None


def ask(home: Path, code: str, *, version: str, url: str = "") -> bytes:
    """The request to be enrolled with a code (of :func:`~sync.exchange.papers.normal_code`).

    Raises :class:`~sync.exchange.disk.ExchangeError` and :class:`~sync.store.errors.StoreError`.
    """
    folder = home / KEYS / _ASIDE
    key = code_key(code)
    waiting = _read(folder)
    before = _before(written(home, most=MOST_HASHES))
    if waiting is not None and waiting.key == key and (waiting.response is not None or _says(waiting, before)):
        return waiting.request
    with translated(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    _clear(folder)
    keys = make_keys(folder)
    asked = EnrolmentRequest(
        handle=code_handle(code), keys=keys.public, version=version, hint=machine_hint(home / KEYS), before=before
    )
    request = seal_request(keys, key, asked)
    _keep(folder, _Waiting(key, request, url))
    return request


def take(home: Path, raw: bytes, *, clock: Clock, command: str) -> Enrolled | PaperRefused:
    """Take headquarters' answer, and be enrolled when this returns.

    Raises :class:`NotAsked`, :class:`CannotSettle`, :class:`~sync.exchange.disk.ExchangeError` and
    :class:`~sync.store.errors.StoreError`, the latter while a station runs in this folder.
    """
    folder = home / KEYS / _ASIDE
    waiting = _read(folder)
    if waiting is None:
        raise NotAsked
    response = open_response(raw, waiting.key, waiting.request)
    if isinstance(response, PaperRefused):
        return response
    _keep(folder, msgspec.structs.replace(waiting, response=raw))
    return _settle(home, waiting, response, clock, command)


def finish(home: Path, *, clock: Clock, command: str) -> Enrolled | None:
    """Bring an enrolment to its end that was cut off after its answer had come; ``None`` where there is none.

    Raises as :func:`take`.
    """
    waiting = _read(home / KEYS / _ASIDE)
    if waiting is None or waiting.response is None:
        return None
    response = open_response(waiting.response, waiting.key, waiting.request)
    if isinstance(response, PaperRefused):
        raise KeysDamaged(home / KEYS / _ASIDE / _WAITING)
    return _settle(home, waiting, response, clock, command)


def _settle(home: Path, asked: _Waiting, response: EnrolmentResponse, clock: Clock, command: str) -> Enrolled:
    place = Headquarters(
        hq=response.hq,
        station=response.station,
        epoch=response.epoch,
        branch=response.branch,
        # An address that has just led there is better than the one that headquarters believes to have.
        url=asked.url or response.url,
        certificate=response.certificate,
    )
    before = load_headquarters(home)
    if isinstance(before, Problems):
        raise CannotSettle(before)
    waiting = _begin_epoch(home, asked, response, clock, command)
    adopt_keys(home / KEYS, home / KEYS / _ASIDE)
    write_pins(home / KEYS, Pins((Pin(response.keys),)))
    problems = write_headquarters(home, place)
    if problems is not None:
        raise CannotSettle(problems)
    _clear(home / KEYS / _ASIDE)
    return Enrolled(place, waiting)


def _begin_epoch(home: Path, asked: _Waiting, response: EnrolmentResponse, clock: Clock, command: str) -> int:
    known = written(home, most=0)
    claimed = (known.station, known.epoch) if known else (response.station, response.epoch)
    common = response.common
    before = _told_before(asked)
    if known is not None and before is not None and known.after > before.after:
        common = max(common, known.after)  # acknowledged since the request was written, so not to be sent again
    with Ledger.open_for_writing(
        home,
        station=claimed[0],
        epoch=claimed[1],
        branch=response.branch,
        clock=clock,
        actor="enrolment",
        command=command,
        enrolling=True,
    ) as ledger:
        # A ledger that goes by the new name already has begun its epoch before somebody pulled the plug.
        if known is None or claimed != (response.station, response.epoch):
            ledger.begin_epoch(response.station, response.epoch, after=response.after, common=common)
        return ledger.standing_towards(response.hq).unsent


def _before(found: Written | None) -> Before | None:
    if found is None:
        return None
    hashes = b"".join(one[:PREFIX_BYTES] for one in found.hashes)
    return Before(station=found.station, epoch=found.epoch, after=found.after, hashes=hashes)


def _says(waiting: _Waiting, before: Before | None) -> bool:
    """Whether a request tells the ledger as it stands: one made last week must not lead to an answer for that week."""
    return _told_before(waiting) == before


def _told_before(waiting: _Waiting) -> Before | None:
    request = read_request(waiting.request)
    return None if isinstance(request, PaperRefused) else request.before


def _read(folder: Path) -> _Waiting | None:
    path = folder / _WAITING
    with translated(folder):
        if _WAITING not in LOCAL.names(folder):
            return None
        content = LOCAL.read(path, 4 * MOST_REQUEST)
    try:
        waiting = msgspec.json.decode(content, type=_Waiting)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise KeysDamaged(path) from None  # the cause could quote the file
    # Without its keys, which come into use before it is thrown away, a request without an answer is good for nothing.
    return waiting if waiting.response is not None or read_keys(folder) else None


def _keep(folder: Path, waiting: _Waiting) -> None:
    write_whole(LOCAL, folder / _WAITING, msgspec.json.encode(waiting))


def _clear(folder: Path) -> None:
    with translated(folder):
        for name in LOCAL.names(folder):
            LOCAL.remove(folder / name)
