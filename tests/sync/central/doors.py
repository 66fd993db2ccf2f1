"""A headquarters that listens on a port of this machine, as it does in the field."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import uvicorn

from sync.central.api import Limit, application
from sync.central.certificate import CERTIFICATE, PRIVATE_KEY, make_certificate
from sync.central.office import Office
from sync.central.service import Service


@dataclass(frozen=True, slots=True)
class Served:
    """Where it listens, and the certificate it shows (PEM; empty without TLS)."""

    url: str
    certificate: str
    service: Service


@contextmanager
def served(
    office: Office, *, tls: Path | None = None, limit: Limit | None = None, working: bool = False
) -> Iterator[Served]:
    """Serve an office while the block runs; with TLS by a certificate made in the folder ``tls``."""
    certificate = make_certificate(tls, ["127.0.0.1"]) if tls is not None else ""
    with Service(lambda: office, working=working, look_every=0.02) as service:
        config = uvicorn.Config(
            application(service, limit=limit),
            ssl_certfile=tls / CERTIFICATE if tls else None,
            ssl_keyfile=tls / PRIVATE_KEY if tls else None,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        with socket.create_server(("127.0.0.1", 0)) as bound:
            thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
            thread.start()
            while not server.started:
                sleep(0.005)
            try:
                port = bound.getsockname()[1]
                yield Served(f"{'https' if tls else 'http'}://127.0.0.1:{port}", certificate, service)
            finally:
                server.should_exit = True
                thread.join()
