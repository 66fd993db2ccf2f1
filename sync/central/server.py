"""The interface on the network: uvicorn with headquarters' own certificate, or plain behind a proxy that does the TLS.

It listens on this machine alone unless told otherwise. With several workers (PostgreSQL alone allows them) the process
that was started holds the socket and each worker is a process of its own, which finds its home in the environment.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from config.hq import Hq
from config.phrase import ExplainedError, Phrase
from sync.central.api import FULL_FROM, application
from sync.central.certificate import CERTIFICATE, PRIVATE_KEY
from sync.central.office import FOLDER, open_office, settings_of
from sync.central.service import Service

#: Where a worker's process finds the home.
_HOME: Final = "TRAMSACH_HQ_HOME"


class CannotListen(ExplainedError):
    """The address is taken, or is none of this machine's."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            Phrase(
                "Không mở được cổng {port} tại {host}: cổng đang được dùng, hoặc địa chỉ không phải của máy này.",
                "Port {port} at {host} cannot be opened: it is in use, or the address is not this machine's.",
            ).fill(host=host, port=port)
        )


class OneProcess(ExplainedError):
    """Several workers were asked for on the embedded database."""

    def __init__(self) -> None:
        super().__init__(
            Phrase(
                "Cơ sở dữ liệu nhúng chỉ cho một tiến trình. Muốn chạy nhiều tiến trình, hãy dùng PostgreSQL.",
                "The embedded database has one process. For several, use PostgreSQL.",
            )
        )


@dataclass(frozen=True, slots=True)
class Listening:
    """Where headquarters listens."""

    host: str
    port: int
    tls: bool

    @property
    def url(self) -> str:
        """The address as this machine knows it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


def serve(
    home: Path,
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int = 1,
    on_ready: Callable[[Listening], None] = lambda _listening: None,
) -> None:
    """Serve until the process is told to end (SIGINT, SIGTERM).

    Raises :class:`CannotListen`, :class:`OneProcess`, and what :func:`sync.central.office.open_office` raises.
    """
    settings = settings_of(home)
    if workers > 1 and settings.database is None:
        raise OneProcess
    bound = _bind(host or settings.host, settings.port if port is None else port)
    with bound:
        name = bound.getsockname()
        listening = Listening(name[0], name[1], tls=not settings.behind_proxy)
        if workers == 1:
            config = _config(home, settings, serving(home))
            on_ready(listening)
            uvicorn.Server(config).run(sockets=[bound])
            return
        open_office(home, command="tramsach hq serve").close()  # an upgrade is made once, and troubles are told here
        os.environ[_HOME] = str(home)
        config = _config(home, settings, "sync.central.server:in_environment", workers=workers)
        on_ready(listening)
        Multiprocess(config, sockets=[bound]).run()


def serving(home: Path) -> FastAPI:
    """The interface of the headquarters of a home; at work as long as it is served."""
    settings = settings_of(home)
    open_again = partial(open_office, home, command="tramsach hq serve", borrowed=False)
    service = Service(open_again, keep_backups=settings.keep_backups)
    app = application(service)

    @asynccontextmanager
    async def at_work(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.enter_context(service)
            yield

    app.router.lifespan_context = at_work
    return app


def in_environment() -> FastAPI:
    """As :func:`serving`, in a worker's process."""
    return serving(Path(os.environ[_HOME]))


def _bind(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.create_server((host, port), family=family)
    except OSError:
        raise CannotListen(host, port) from None
    # What is accepted here inherits it. asyncio sets it on sockets of its own making alone, and without it the second
    # part of every answer waits 40 ms for the receipt of the first.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


def _config(home: Path, settings: Hq, app: FastAPI | str, *, workers: int = 1) -> uvicorn.Config:
    folder = home / FOLDER
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        ssl_certfile=None if settings.behind_proxy else folder / CERTIFICATE,
        ssl_keyfile=None if settings.behind_proxy else folder / PRIVATE_KEY,
        # Paths name snapshots, which is a right to them: the interface writes a log of its own.
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips="127.0.0.1,::1" if settings.behind_proxy else None,
        limit_concurrency=2 * FULL_FROM,
        timeout_keep_alive=330,  # longer than a station that only listens is silent
        timeout_graceful_shutdown=10,
        lifespan="on",
    )
