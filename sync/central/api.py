"""The station interface of headquarters over https: the one place where it listens.

Theory of operation. The bodies are the signed messages of :mod:`sync.exchange`; this module only carries them to
:mod:`sync.central.exchange` and :mod:`sync.central.enrolment`, which know no HTTP. Before a body is read, its kind and
length are looked at, and no more of it is read than the route allows; nothing in it is decompressed before its
signature is right (:mod:`sync.exchange.envelope`). What cannot be answered with a signature is refused with a problem
document (RFC 9457) that quotes nothing.

Who may use a route, and how it is proven, stands in :data:`ROUTES` and nowhere else: the application is made of that
table, and a test walks it. There are no cookies, no passwords and no sessions.

Under load, contacts still listen while batches are put off (``slow_down``); beyond a bound nothing is read at all
(503). Enrolment is limited by address and in all: a code has 75 secret bits and cannot be guessed, the limit keeps
guessing from costing anything.

Nothing is logged of a request but its route, status and time: a snapshot's name is a right to it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from sync.central import feed
from sync.central.enrolment import enrol
from sync.central.exchange import answer
from sync.central.office import Office
from sync.central.service import Away, Service
from sync.exchange.batch import MOST_BYTES
from sync.exchange.disk import ExchangeError
from sync.exchange.envelope import PROTOCOL
from sync.exchange.papers import MOST_REQUEST, PaperRefused
from sync.exchange.reasons import Reason, Rejected
from sync.exchange.transport import CONTENT_TYPE, PROBLEM_TYPE
from sync.store.errors import StoreError

log = logging.getLogger(__name__)


class Access(Enum):
    """What proves that somebody may use a route."""

    STATION = "The body is signed by a station that headquarters knows."
    CODE = "The body carries the HMAC of a one-time code that headquarters has made."
    NAME = "The random name of the snapshot, which one signed reply has told to one station."
    ANYBODY = "Nothing: it tells nobody anything of readers, stations or items."


@dataclass(frozen=True, slots=True)
class Route:
    """One way in. ``most`` is how many bytes a body may have, ``None`` where there is none to be read."""

    method: str
    path: str
    access: Access
    most: int | None = None


EXCHANGE: Final = Route("POST", "/v1/exchange", Access.STATION, MOST_BYTES + 16 * 1024)
ENROL: Final = Route("POST", "/v1/enrol", Access.CODE, MOST_REQUEST)
MANIFEST: Final = Route("GET", "/v1/snapshots/{name}/manifest", Access.NAME)
SNAPSHOT: Final = Route("GET", "/v1/snapshots/{name}", Access.NAME)
HEALTH: Final = Route("GET", "/v1/health", Access.ANYBODY)
OPENAPI: Final = Route("GET", "/v1/openapi.json", Access.ANYBODY)

#: Every way into headquarters.
ROUTES: Final = (EXCHANGE, ENROL, MANIFEST, SNAPSHOT, HEALTH, OPENAPI)

#: Seconds that a body may take on its way: a small batch on a line of 2 kbit/s.
BODY_WITHIN: Final = 120.0
#: So many requests at once are worked on: beyond the first batches are put off, beyond the second nothing is read.
BUSY_FROM, FULL_FROM = 64, 512
#: So many of them are in the database at once: no more than it has connections.
_AT_ONCE: Final = 12
#: Seconds after which somebody who was sent away may come again.
_COME_AGAIN: Final = 5

#: Refusals that are the sender's own, by the status they are told with; all others are 400.
_STATUS = {
    Reason.BAD_SIGNATURE: 403,
    Reason.RETIRED_KEY: 403,
    Reason.OTHER_STATION: 403,
    Reason.OTHER_HEADQUARTERS: 403,
    Reason.WRONG_CODE: 403,
    Reason.TOO_LARGE: 413,
    Reason.RATIO: 413,
}

SnapshotName = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="As a signed reply has told it.")]


class Limit:
    """So many tries in a while, by address and in all. May be used by several threads."""

    def __init__(self, each: int, total: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._each, self._total, self._seconds, self._clock = each, total, seconds, clock
        self._lock = threading.Lock()
        self._began = clock()
        self._tries: OrderedDict[str, int] = OrderedDict()
        self._all = 0

    def try_(self, address: str) -> int | None:
        """``None`` for a try that is allowed, else the seconds until there are new ones."""
        with self._lock:
            now = self._clock()
            if now - self._began >= self._seconds:
                self._began, self._all = now, 0
                self._tries.clear()
            tried = self._tries.get(address, 0)
            if tried >= self._each or self._all >= self._total:
                return int(self._began + self._seconds - now) + 1
            self._tries[address] = tried + 1
            self._all += 1
            return None


class Refused(Exception):
    """What ends a request with a problem document."""

    def __init__(self, status: int, title: str, *, reason: Reason | None = None, again: int | None = None) -> None:
        super().__init__(title)
        self.status, self.title, self.reason, self.again = status, title, reason, again

    @classmethod
    def of(cls, refused: Rejected) -> Refused:
        """The refusal of something that could not be believed."""
        return cls(_STATUS.get(refused.reason, 400), refused.phrase.en, reason=refused.reason)

    def response(self) -> Response:
        """The problem document."""
        content: dict[str, object] = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.reason is not None:
            content["reason"] = self.reason.value
        headers = {} if self.again is None else {"retry-after": str(self.again)}
        return JSONResponse(content, self.status, headers, media_type=PROBLEM_TYPE)


def application(service: Service, *, limit: Limit | None = None) -> FastAPI:
    """The interface of a headquarters that is at work."""
    app = FastAPI(
        title="Trạm Sách: headquarters",
        summary="What stations of a library network send to headquarters and fetch from it.",
        description=__doc__.split("\n\n")[1],
        version=str(PROTOCOL),
        openapi_url=OPENAPI.path,
        docs_url=None,  # its page would fetch scripts from elsewhere
        redoc_url=None,
    )
    doors = _Doors(service, limit or Limit(each=10, total=120, seconds=60))
    app.post(EXCHANGE.path, **_described(EXCHANGE, "Send a contact, with at most one batch; get the reply."))(
        doors.exchange
    )
    app.post(ENROL.path, **_described(ENROL, "Send an enrolment request; get the response."))(doors.enrol)
    app.get(MANIFEST.path, **_described(MANIFEST, "Get the manifest of a snapshot."))(doors.manifest)
    app.get(SNAPSHOT.path, **_described(SNAPSHOT, "Get a snapshot, or the part that `Range` asks for."))(doors.snapshot)
    app.get(HEALTH.path, **_described(HEALTH, "Ask whether headquarters is at work."))(doors.health)
    app.middleware("http")(doors.watch)
    logging.getLogger("uvicorn.access").disabled = True  # it quotes paths
    app.exception_handler(Refused)(_refusal)
    app.exception_handler(HTTPException)(_plain_refusal)
    app.exception_handler(RequestValidationError)(_bad_request)
    return app


class _Doors:
    """What stands behind each route."""

    def __init__(self, service: Service, limit: Limit) -> None:
        self._service, self._limit = service, limit
        self._within = 0
        self._threads = CapacityLimiter(_AT_ONCE)

    async def exchange(self, request: Request) -> Response:
        raw = await _body(request, EXCHANGE)
        busy = self._within > BUSY_FROM
        reply = await self._at_work(lambda office: answer(office, raw, busy=busy))
        if not isinstance(reply, bytes):
            raise Refused.of(reply)
        self._service.wake()
        return Response(reply, media_type=CONTENT_TYPE)

    async def enrol(self, request: Request) -> Response:
        again = self._limit.try_(request.client.host if request.client else "")
        if again is not None:
            raise Refused(429, "Too many enrolments are being tried.", again=again)
        raw = await _body(request, ENROL)
        granted = await self._at_work(lambda office: enrol(office, raw))
        if isinstance(granted, PaperRefused):
            raise Refused.of(granted)
        log.info("station %s is enrolled in epoch %d", granted.station.station, granted.station.epoch)
        return Response(granted.response, media_type=CONTENT_TYPE)

    async def manifest(self, name: SnapshotName) -> Response:
        found = await self._at_work(lambda office: office.snapshots.manifest(name))
        if found is None:
            raise Refused(404, "There is no such snapshot, or no longer.")
        return Response(found, media_type=CONTENT_TYPE)

    async def snapshot(self, name: SnapshotName) -> Response:
        found = await self._at_work(lambda office: office.snapshots.frame(name))
        if found is None:
            raise Refused(404, "There is no such snapshot, or no longer.")
        return FileResponse(found, media_type=CONTENT_TYPE)

    async def health(self) -> Response:
        def look(office: Office) -> None:
            with office.database.read() as connection:
                feed.head(connection)

        await self._at_work(look)
        return JSONResponse({"status": "at work", "protocol": PROTOCOL})

    async def watch(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Goes around every request: counts those within, turns away too many, notes route, status and time."""
        if self._within >= FULL_FROM:
            return Refused(503, "Headquarters is busy.", again=_COME_AGAIN).response()
        self._within += 1
        began = time.monotonic()
        try:
            response = await call_next(request)
        finally:
            self._within -= 1
        route = request.scope.get("route")
        path = getattr(route, "path", "-")
        log.info("%s %s %d %.3f s", request.method, path, response.status_code, time.monotonic() - began)
        response.headers["cache-control"] = "no-store"
        return response

    async def _at_work(self, what: Callable[[Office], Any]) -> Any:
        def work() -> Any:
            with self._service.office() as office:
                return what(office)

        try:
            return await to_thread.run_sync(work, limiter=self._threads)
        except Away:
            raise Refused(503, "Headquarters is busy.", again=_COME_AGAIN) from None
        except (StoreError, ExchangeError) as error:
            log.error("a request could not be answered: %s", error)
            raise Refused(503, "Headquarters cannot answer now.", again=_COME_AGAIN) from None


async def _body(request: Request, route: Route) -> bytes:
    """The body of a request, if it is what the route takes and not a byte too long."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise Refused(415, f"This takes {CONTENT_TYPE}.")
    if "content-encoding" in request.headers:
        raise Refused(415, "This takes no content encoding.")
    most = route.most or 0
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > most:
        raise Refused(413, f"This takes at most {most} bytes.", reason=Reason.TOO_LARGE)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    raise Refused(413, f"This takes at most {most} bytes.", reason=Reason.TOO_LARGE)
    except TimeoutError:
        raise Refused(408, "The body did not come in time.") from None
    except ClientDisconnect:  # the line broke off; nobody hears this
        raise Refused(400, "The body is not whole.") from None
    return bytes(body)


async def _refusal(_request: Request, error: Exception) -> Response:
    return error.response() if isinstance(error, Refused) else Response(status_code=500)


async def _plain_refusal(_request: Request, error: Exception) -> Response:
    """What the framework refuses: no such route, no such method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    titles = {404: "There is nothing here.", 405: "This cannot be done here."}
    response = Refused(status, titles.get(status, "This was not taken.")).response()
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response


async def _bad_request(_request: Request, _error: Exception) -> Response:
    return Refused(422, "This is not the name of a snapshot.").response()


def _described(route: Route, summary: str) -> dict[str, Any]:
    """What the OpenAPI page says of a route."""
    binary = {CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}}
    problem = {
        PROBLEM_TYPE: {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status"],
                "properties": {
                    "type": {"type": "string"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "reason": {"type": "string", "enum": [one.value for one in Reason]},
                },
            }
        }
    }
    said = {503: "Busy; come again after `Retry-After` seconds."}
    content: dict[str, Any] = binary
    match route.access:
        case Access.STATION | Access.CODE:
            said |= {
                400: "Damaged, or of another protocol.",
                403: "Not proven.",
                408: "Too slow.",
                413: "Too large.",
                415: "Of another content type.",
            }
        case Access.NAME:
            said |= {404: "There is no such snapshot, or no longer.", 422: "Not the name of a snapshot."}
        case Access.ANYBODY:
            content = {"application/json": {"schema": {"type": "object"}}}
    if route is ENROL:
        said[429] = "Too many tries."
    responses: dict[int | str, Any] = {
        200: {"description": "Answered.", "content": content},
        **{status: {"description": words, "content": problem} for status, words in sorted(said.items())},
    }
    if route is SNAPSHOT:
        part = {"description": "The part that was asked for.", "content": binary}
        responses |= {206: part, 400: {"description": "No such `Range`."}, 416: {"description": "Beyond the end."}}
    extra: dict[str, Any] = {"description": route.access.value}
    if route.most is not None:
        schema = {"type": "string", "format": "binary", "maxLength": route.most}
        extra["requestBody"] = {"required": True, "content": {CONTENT_TYPE: {"schema": schema}}}
    return {"summary": summary, "responses": responses, "openapi_extra": extra, "response_class": Response}
