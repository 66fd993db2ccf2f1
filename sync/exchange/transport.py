"""The road to headquarters over https; the one place of the station that opens a connection.

Trust is in headquarters' signature on every answer, not in the road; yet what travels upwards names readers, so the
road is closed to others: with the certificate that came with the enrolment, which is then the only one believed and has
no end of life, so that a clock without a battery does not stop it; without one, with the public authorities and the
host's name. Times are short, because a worker that waits answers nobody; a slow line is given time by smaller batches
(:mod:`sync.exchange.rhythm`), not by patience.

An answer that is not headquarters' own (a captive portal's page, a proxy's error) is :class:`RoadBlocked` here or
refused by its missing signature later, never taken for a yes. What headquarters itself refuses before it can sign
anything comes as a problem document (RFC 9457) whose ``reason`` is one of :class:`~sync.exchange.reasons.Reason`; it
is only ever shown, because anybody on the way could have written it.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Protocol, Self

import httpx
import msgspec

from config.phrase import Phrase
from sync.exchange.disk import ExchangeError
from sync.exchange.reasons import Reason, Rejected

#: What a request and an answer are.
CONTENT_TYPE: Final = "application/vnd.tramsach"
#: What a refusal is that nobody signed (RFC 9457).
PROBLEM_TYPE: Final = "application/problem+json"

CONNECT_WITHIN: Final = 10.0
ANSWER_WITHIN: Final = 60.0
#: No answer of headquarters is larger; more is not read.
_MOST_ANSWER: Final = 64 * 1024 * 1024
_MOST_PROBLEM: Final = 8 * 1024


class RoadBlocked(ExchangeError):
    """Headquarters could not be reached, or something else answered in its place. ``retry_after`` is in seconds."""

    def __init__(self, phrase: Phrase, *, retry_after: int | None = None) -> None:
        super().__init__(phrase)
        self.retry_after = retry_after


class Road(Protocol):
    """A way to headquarters. Raises :class:`RoadBlocked`."""

    def exchange(self, question: bytes) -> bytes:
        """Carries a contact there and the reply back."""

    def enrol(self, request: bytes) -> bytes:
        """Carries an enrolment request there and the response back."""

    def manifest(self, name: str) -> bytes:
        """The manifest of a snapshot."""

    def fetch(self, name: str, start: int, end: int) -> bytes:
        """The bytes of a snapshot from ``start`` up to, not including, ``end``."""


class Https:
    """Headquarters at a URL, over one kept connection. A context manager; owned by one thread.

    ``certificate`` (PEM) is the one that is believed; without one the public authorities are. ``unproven`` takes any:
    for enrolment alone, whose papers prove themselves and name no reader. Raises :class:`RoadBlocked` for an address
    that is none, or that would carry readers' data through a network in the open.
    """

    def __init__(self, url: str, certificate: str = "", *, unproven: bool = False) -> None:
        _refuse_address(url)
        self._client = httpx.Client(
            base_url=url.rstrip("/"),
            verify=_trusting(certificate, unproven=unproven) if url.startswith("https:") else True,
            timeout=httpx.Timeout(ANSWER_WITHIN, connect=CONNECT_WITHIN),
            headers={"content-type": CONTENT_TYPE},
            follow_redirects=False,
            trust_env=True,
        )

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def exchange(self, question: bytes) -> bytes:
        """Carries a contact there and the reply back."""
        return self._post("/v1/exchange", question)

    def enrol(self, request: bytes) -> bytes:
        """Carries an enrolment request there and the response back."""
        return self._post("/v1/enrol", request)

    def manifest(self, name: str) -> bytes:
        """The manifest of a snapshot."""
        with _translated():
            return self._answer(self._client.build_request("GET", f"/v1/snapshots/{name}/manifest"), _MOST_ANSWER)

    def fetch(self, name: str, start: int, end: int) -> bytes:
        """The bytes of a snapshot from ``start`` up to, not including, ``end``."""
        with _translated():
            request = self._client.build_request(
                "GET", f"/v1/snapshots/{name}", headers={"range": f"bytes={start}-{end - 1}"}
            )
            return self._answer(request, end - start)

    def _post(self, path: str, body: bytes) -> bytes:
        with _translated():
            return self._answer(self._client.build_request("POST", path, content=body), _MOST_ANSWER)

    def _answer(self, request: httpx.Request, most: int) -> bytes:
        response = self._client.send(request, stream=True)
        try:
            if response.status_code not in (200, 206) or response.headers.get("content-type") != CONTENT_TYPE:
                raise _refused(response) or _not_headquarters(response)
            content = bytearray()
            for part in response.iter_bytes():
                content += part
                if len(content) > most:
                    raise _not_headquarters(response)
            return bytes(content)
        finally:
            response.close()


def _refuse_address(url: str) -> None:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL("")
    if address.scheme not in ("https", "http") or not address.host:
        raise RoadBlocked(
            Phrase(
                "Địa chỉ của trụ sở không đúng; hãy ghi như https://tru-so.example:8443.",
                "The address of headquarters is wrong; write it like https://headquarters.example:8443.",
            )
        )
    if address.scheme == "http" and not _is_loopback(address.host):
        raise RoadBlocked(
            Phrase(
                "Địa chỉ http:// sẽ gửi dữ liệu bạn đọc qua mạng mà không mã hóa. Hãy dùng https://.",
                "An http:// address would send readers' data through the network in the open. Use https://.",
            )
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _trusting(certificate: str, *, unproven: bool) -> ssl.SSLContext:
    if not certificate and not unproven:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # One certificate is believed, and only headquarters has its key: the name it is reached by proves nothing more.
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if unproven:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=certificate)
    return context


class _Problem(msgspec.Struct):
    reason: Reason


def _refused(response: httpx.Response) -> RoadBlocked | None:
    """What headquarters refused, where the answer says so; ``None`` for anything else."""
    if response.headers.get("content-type") != PROBLEM_TYPE:
        return None
    content = bytearray()
    for part in response.iter_bytes():
        content += part
        if len(content) > _MOST_PROBLEM:
            return None
    try:
        reason = msgspec.json.decode(content, type=_Problem).reason
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return RoadBlocked(Rejected(reason).phrase)


def _not_headquarters(response: httpx.Response) -> RoadBlocked:
    status, after = response.status_code, response.headers.get("retry-after", "")
    retry_after = int(after) if after.isascii() and after.isdigit() else None
    if status in (429, 503):
        return RoadBlocked(
            Phrase(
                "Trụ sở đang bận; trạm sẽ tự gọi lại sau.", "Headquarters is busy; the station calls again by itself."
            ),
            retry_after=retry_after,
        )
    return RoadBlocked(
        Phrase(
            "Có máy trả lời ở địa chỉ của trụ sở, nhưng không phải là trụ sở (mã {status}). Có thể mạng đòi đăng nhập"
            " trước; hãy mở một trang web trên máy này để kiểm tra.",
            "Something answers at headquarters' address, but it is not headquarters (status {status}). Perhaps the"
            " network asks for a sign-in first; open any web page on this machine to see.",
        ).fill(status=status),
        retry_after=retry_after,
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        raise RoadBlocked(
            Phrase(
                "Trụ sở không trả lời kịp; trạm sẽ tự gọi lại.",
                "Headquarters did not answer in time; the station calls again by itself.",
            )
        ) from error
    except httpx.ConnectError as error:
        raise RoadBlocked(_why_not_connected(error)) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RoadBlocked(
            Phrase(
                "Đường truyền tới trụ sở bị ngắt giữa chừng; trạm sẽ tự gọi lại.",
                "The line to headquarters broke off; the station calls again by itself.",
            )
        ) from error


def _why_not_connected(error: httpx.ConnectError) -> Phrase:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return Phrase(
                "Máy ở địa chỉ của trụ sở không chứng minh được mình là trụ sở (chứng chỉ không khớp). Hãy kiểm tra"
                " ngày giờ của trạm và địa chỉ của trụ sở; nếu trụ sở đã đổi chứng chỉ, hãy đăng ký lại.",
                "What is at headquarters' address cannot prove to be headquarters (its certificate does not fit). Check"
                " this station's date and the address; if headquarters has a new certificate, enrol again.",
            )
        cause = cause.__cause__ or cause.__context__
    return Phrase(
        "Không nối được tới trụ sở: không có mạng, hoặc địa chỉ sai. Việc mượn trả vẫn tiếp tục như thường.",
        "Headquarters cannot be reached: there is no network, or the address is wrong. Lending goes on as usual.",
    )
