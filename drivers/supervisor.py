"""One thread per device: open, self-test, poll; when it fails, say so once, wait a little longer each time, open again.

Theory of operation. A device is in one of three states. It is *unknown* until it has first been opened, and again
when nothing has been heard of it for too long; *well* after its self-test; *lost* after any error. Going from one of
the last two to the other posts one event, so that for each device ``DeviceBack`` and ``DeviceLost`` alternate, and
writes one line to the log; attempts in between do neither.

Everything that is done with a device is done in its thread, commands too: :meth:`Supervised.do` hands a function over
and returns a future. Commands come between two events of a poll, or cut short the rest between two polls. A future ends
with the function's result, with the error it raised, or with ``NotSent`` if it never ran: then, and only then, is it
sure that nothing happened. Functions added to a future run in the device's thread and must only pass the news on.

A ``WireError`` ends the connection, whoever met it: a port that has failed once goes on failing until it is opened
anew. An error that is no ``DeviceError`` is a defect of this program. It is logged with its traceback, and costs its
device only.

Stopping lets a command that has begun come to its end, because half a write is worse than a short wait, and cuts a poll
short. An attempt to open a TCP address that swallows everything lasts as long as the port allows (2 s).
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Generic, Self, TypeVar

from drivers.devices import Device, DeviceBack, DeviceError, DeviceEvent, DeviceLost, Identity, NotSent, WireError

_log = logging.getLogger(__name__)

D = TypeVar("D", bound=Device)
T = TypeVar("T")

#: Seconds before the first attempt to open a lost device again, and the most between two. The second keeps the way back
#: below 2 s after somebody has put the plug in again.
FIRST_RETRY: Final = 0.1
LONGEST_RETRY: Final = 1.0
#: A device that was well for less long than this goes on waiting where it was, so that a loose plug is no storm of
#: events.
_SETTLED: Final = 10.0
#: Nothing heard for so long, and what was known of the device is no longer known. Longer than any command or receipt.
_STALE: Final = 20.0
_STOP_WITHIN: Final = 10.0


class DeviceState(StrEnum):
    """How a device is."""

    UNKNOWN = "unknown"
    WELL = "well"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of one device: for the staff corner, for ``tramsach devices``, for headquarters.

    ``since`` is when it came into its state, aware, UTC. ``code`` and ``reason`` say why it is lost. ``losses``
    counts how often it was lost since the start, ``attempts`` how often opening has failed since it was last well.
    ``errors`` counts by code what it was lost with and what its commands were refused with, not the attempts between.
    ``answer_p50`` and ``answer_p95`` are seconds from question to answer, None for a device that is never asked or
    not there.
    """

    device: str
    state: DeviceState
    since: datetime
    identity: Identity | None = None
    code: str = ""
    reason: str = ""
    losses: int = 0
    attempts: int = 0
    answer_p50: float | None = None
    answer_p95: float | None = None
    errors: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Job(Generic[D]):
    call: Callable[[D], Any]
    future: Future[Any]
    expires: float


class Supervised(Generic[D]):
    """One device and its thread. Made by :meth:`Supervisor.add`."""

    def __init__(
        self,
        device: str,
        connect: Callable[[str], D],
        post: Callable[[DeviceEvent], None],
        first_retry: float,
        longest_retry: float,
    ) -> None:
        self.device = device
        self._connect = connect
        self._post = post
        self._first_retry = first_retry
        self._longest_retry = longest_retry
        self._jobs: queue.SimpleQueue[_Job[D] | None] = queue.SimpleQueue()
        # Guards all below. Never held during a call to the device or to `post`.
        self._lock = threading.Lock()
        self._health = Health(device, DeviceState.UNKNOWN, datetime.now(UTC))
        self._heard = time.monotonic()
        self._answer_times: Sequence[float] = ()
        self._driver: D | None = None
        self._in_command = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"device-{device}", daemon=True)
        self._thread.start()

    def do(self, call: Callable[[D], T], *, within: float = 5.0) -> Future[T]:
        """Has ``call`` run with the device in the device's thread, if that can begin within so many seconds.

        The future ends with NotSent, and nothing has happened, if the device is not well or too busy. It may be
        cancelled until it begins.
        """
        future: Future[T] = Future()
        with self._lock:
            well = self._health.state is DeviceState.WELL and not self._stopping.is_set()
            if well:
                self._jobs.put(_Job(call, future, time.monotonic() + within))
        if not well:
            future.set_exception(NotSent(f"{self.device} is not there"))
        return future

    def health(self) -> Health:
        """What is known of the device at this moment."""
        with self._lock:
            health, silent, times = self._health, time.monotonic() - self._heard, sorted(self._answer_times)
        if health.state is DeviceState.WELL and silent > _STALE:
            since = datetime.now(UTC) - timedelta(seconds=silent)
            return replace(health, state=DeviceState.UNKNOWN, since=since, reason=f"nothing heard for {silent:.0f} s")
        if health.state is DeviceState.WELL and times:
            return replace(health, answer_p50=_percentile(times, 50), answer_p95=_percentile(times, 95))
        return health

    def ask_to_stop(self) -> None:
        """Ends the thread soon: a poll is cut short, a command that has begun is not."""
        with self._lock:
            self._stopping.set()
            driver = None if self._in_command else self._driver
        self._jobs.put(None)
        if driver is not None:
            driver.close()

    def join(self, deadline: float) -> None:
        """Waits for the thread to end, until the monotonic clock says so."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            _log.error("%s does not stop", self.device)

    # --- in the device's thread ---

    def _run(self) -> None:
        delay = self._first_retry
        while not self._stopping.is_set():
            well_from = time.monotonic()
            try:
                self._live()
            except DeviceError as error:
                code, reason = _code(error), str(error)
            except Exception as error:  # noqa: BLE001 - logged below
                # Any other device must go on, and this one gets another chance.
                _log.exception("%s: a defect of the driver", self.device)
                code, reason = _code(error), "a defect of the driver; the log has it"
            else:
                break
            if self._stopping.is_set():
                break
            if time.monotonic() - well_from > _SETTLED:
                delay = self._first_retry
            self._lose(code, reason)
            # Jitter: readers on one hub that lost its power do not all come back in the same moment.
            self._stopping.wait(delay * random.uniform(0.5, 1.0))
            delay = min(delay * 2, self._longest_retry)
        self._refuse_jobs("is being stopped")

    def _live(self) -> None:
        """One connection, from opening to its end: returns to stop, raises when the device is lost."""
        driver = self._connect(self.device)
        try:
            with self._lock:
                if self._stopping.is_set():
                    return
                self._driver = driver
            self._welcome(driver.self_test())
            while not self._stopping.is_set():
                for event in driver.poll():
                    self._post(event)
                    self._run_jobs(driver)
                    if self._stopping.is_set():
                        return
                self._note(driver)
                self._run_jobs(driver, wait=driver.rest)
        finally:
            with self._lock:
                self._driver = None
            driver.close()

    def _run_jobs(self, driver: D, wait: float = 0.0) -> None:
        """Runs what is waiting; with nothing there, waits so long for it."""
        while True:
            try:
                job = self._jobs.get(timeout=wait) if wait > 0 else self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is None:
                return
            wait = 0.0
            self._run_job(driver, job)
            self._note(driver)

    def _run_job(self, driver: D, job: _Job[D]) -> None:
        if not job.future.set_running_or_notify_cancel():
            return
        if time.monotonic() > job.expires:
            job.future.set_exception(NotSent(f"{self.device} was too busy"))
            return
        with self._lock:
            # From here on the wish to stop waits for the command.
            self._in_command = not self._stopping.is_set()
        if not self._in_command:
            job.future.set_exception(NotSent(f"{self.device} is being stopped"))
            return
        try:
            result = job.call(driver)
        except Exception as error:
            job.future.set_exception(error)
            if isinstance(error, WireError):
                raise
            with self._lock:
                self._health = replace(self._health, errors=_counted(self._health.errors, _code(error)))
        else:
            job.future.set_result(result)
        finally:
            with self._lock:
                self._in_command = False

    def _refuse_jobs(self, why: str) -> None:
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None and job.future.set_running_or_notify_cancel():
                job.future.set_exception(NotSent(f"{self.device} {why}"))

    def _welcome(self, identity: Identity) -> None:
        with self._lock:
            self._health = replace(
                self._health,
                state=DeviceState.WELL,
                since=datetime.now(UTC),
                identity=identity,
                code="",
                reason="",
                attempts=0,
            )
            self._heard = time.monotonic()
            self._answer_times = ()
        _log.info("%s is there: %s %s", self.device, identity.model, identity.firmware)
        self._post(DeviceBack(self.device, identity))

    def _note(self, driver: D) -> None:
        with self._lock:
            self._heard = time.monotonic()
            self._answer_times = driver.answer_times

    def _lose(self, code: str, reason: str) -> None:
        with self._lock:
            before = self._health
            again = before.state is DeviceState.LOST
            self._health = replace(
                before,
                state=DeviceState.LOST,
                since=before.since if again else datetime.now(UTC),
                code=code,
                reason=reason,
                losses=before.losses + (not again),
                attempts=before.attempts + 1,
                errors=before.errors if again else _counted(before.errors, code),
            )
        self._refuse_jobs("is not there")
        if not again:
            _log.warning("%s is lost: %s", self.device, reason)
            self._post(DeviceLost(self.device, code))


class Supervisor:
    """All devices of a station. A context manager; leaving it stops them all.

    ``post`` takes the events, in the thread of the device they come from: ``queue.SimpleQueue.put`` is the usual one.
    It must not block.
    """

    def __init__(
        self,
        post: Callable[[DeviceEvent], None],
        *,
        first_retry: float = FIRST_RETRY,
        longest_retry: float = LONGEST_RETRY,
    ) -> None:
        self._post = post
        self._first_retry = first_retry
        self._longest_retry = longest_retry
        self._devices: dict[str, Supervised[Any]] = {}

    def add(self, device: str, connect: Callable[[str], D]) -> Supervised[D]:
        """Starts a device's thread. ``connect`` opens it, given its name, each time anew; it may raise DeviceError."""
        if device in self._devices:
            raise ValueError(f"there is a device {device} already")
        supervised = Supervised(device, connect, self._post, self._first_retry, self._longest_retry)
        self._devices[device] = supervised
        return supervised

    def health(self) -> list[Health]:
        """Every device, in the order they were added."""
        return [supervised.health() for supervised in self._devices.values()]

    def stop(self) -> None:
        """Stops all devices and returns when their threads have ended. What is not done yet is refused."""
        for supervised in self._devices.values():
            supervised.ask_to_stop()
        deadline = time.monotonic() + _STOP_WITHIN
        for supervised in self._devices.values():
            supervised.join(deadline)
        self._devices.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _code(error: Exception) -> str:
    return error.code if isinstance(error, DeviceError) else "defect"


def _counted(errors: Mapping[str, int], code: str) -> Mapping[str, int]:
    return {**errors, code: errors.get(code, 0) + 1}


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """The least of the values that so many in a hundred do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
