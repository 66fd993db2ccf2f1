"""Ports over every kind of wire, and the conversation over one."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from drivers.codec import NOT_YET, Command, NotYet
from drivers.devices import CannotOpen, NoAnswer, PortClosed, SerialLine, WireError
from drivers.port import TRAFFIC, Dialogue, Port
from drivers.simulators.wire import Link, Outlet, Wire

SECRET = b"P0012345"

LINKS = [
    Link.TCP,
    pytest.param(Link.PTY, marks=pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")),
]


def echo(wire: Wire) -> None:
    while True:
        wire.write(wire.read())


@pytest.fixture(params=LINKS)
def link(request: pytest.FixtureRequest) -> Link:
    return Link(request.param)


@pytest.fixture
def outlet(link: Link) -> Iterator[Outlet]:
    with Outlet(echo, link=link) as outlet:
        yield outlet


def read_all(port: Port, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = port.read(5)
        assert piece, f"only {data.hex()} came"
        data += piece
    return data


def test_what_is_written_arrives_and_what_comes_back_is_read(outlet: Outlet) -> None:
    everything = bytes(range(256)) * 4
    with Port.open(outlet.url) as port:
        port.write(everything)
        assert read_all(port, len(everything)) == everything


def test_loop_is_a_wire_as_well() -> None:
    with Port.open("loop://") as port:
        port.write(b"\x00\xff\x11\x13")
        assert read_all(port, 4) == b"\x00\xff\x11\x13"


def test_a_read_of_nothing_is_nothing(outlet: Outlet) -> None:
    with Port.open(outlet.url) as port:
        assert port.read(0) == b""
        assert port.read(0.01) == b""


def test_an_outlet_takes_one_driver_after_the_other(outlet: Outlet) -> None:
    for _ in range(3):
        with Port.open(outlet.url) as port:
            port.write(b"abc")
            assert read_all(port, 3) == b"abc"


def test_closing_from_another_thread_ends_a_read(outlet: Outlet) -> None:
    port = Port.open(outlet.url)
    closer = threading.Timer(0.02, port.close)
    closer.start()
    with pytest.raises(PortClosed):
        port.read(60)
    closer.join()
    port.close()


def test_a_closed_port_can_do_nothing_and_be_closed_again(outlet: Outlet) -> None:
    port = Port.open(outlet.url)
    port.close()
    port.close()
    with pytest.raises(PortClosed):
        port.read(1)
    with pytest.raises(PortClosed) as closed:
        port.write(SECRET)
    assert closed.value.sent == SECRET


def test_a_cable_that_is_pulled_breaks_the_wire_until_it_is_opened_anew(outlet: Outlet) -> None:
    with Port.open(outlet.url) as port:
        port.write(b"x")
        assert read_all(port, 1) == b"x"
        outlet.pull()
        with pytest.raises(WireError):
            port.read(60)
        outlet.plug_in()
        with pytest.raises(WireError):
            port.read(60)


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.parametrize(
    "url",
    ["/dev/there-is-no-such-thing", "socket://", "socket://127.0.0.1", "socket://127.0.0.1:99999", "nonsense://x", ""],
)
def test_what_is_not_there_cannot_be_opened(url: str) -> None:
    with pytest.raises(CannotOpen):
        Port.open(url)


def test_a_port_nobody_listens_on_cannot_be_opened() -> None:
    with pytest.raises(CannotOpen):
        Port.open(f"socket://127.0.0.1:{unused_port()}")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_a_line_that_refuses_its_settings_cannot_be_opened() -> None:
    with Outlet(echo, link=Link.PTY) as outlet:
        Port.open(outlet.url, SerialLine(38400, "8N1")).close()
        # Parity is all that is left to change, and a pseudo-terminal has none.
        with pytest.raises(CannotOpen):
            Port.open(outlet.url, SerialLine(38400, "8E1"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_a_serial_line_belongs_to_one_port_at_a_time() -> None:
    with Outlet(echo, link=Link.PTY) as outlet, Port.open(outlet.url), pytest.raises(CannotOpen):
        Port.open(outlet.url)


def test_bytes_are_logged_at_traffic_and_at_no_higher_level(outlet: Outlet, caplog: pytest.LogCaptureFixture) -> None:
    def talk(level: int) -> list[str]:
        caplog.clear()
        with caplog.at_level(level, logger="drivers"), Port.open(outlet.url) as port:
            port.write(SECRET)
            read_all(port, len(SECRET))
        return [record.getMessage().removeprefix(outlet.url) for record in caplog.records]

    said = talk(TRAFFIC)
    assert said[0] == " > " + SECRET.hex()
    assert "".join(said[1:]).replace(" < ", "") == SECRET.hex()
    assert talk(logging.DEBUG) == []
    assert logging.getLevelName(TRAFFIC) == "TRAFFIC"


# --- conversations ---


class Lines:
    """A decoder for the tests: a frame ends with a line feed and begins with a letter; all else is rubbish."""

    def __init__(self) -> None:
        self.skipped = 0
        self._buffer = b""

    def receive(self, data: bytes) -> None:
        self._buffer += data

    def next_frame(self) -> bytes | NotYet:
        while b"\n" in self._buffer:
            frame, _, self._buffer = self._buffer.partition(b"\n")
            if frame[:1].isalpha():
                return frame
            self.skipped += len(frame) + 1
        return NOT_YET

    def silence(self) -> None:
        self.skipped += len(self._buffer)
        self._buffer = b""


def ask(question: bytes, answer: bytes) -> Command[list[bytes]]:
    """Asks, and listens until this answer comes; returns what it passed over."""
    passed_over = []
    heard = yield question
    while heard != answer:
        passed_over.append(heard)
        heard = yield b""
    return passed_over


def ask_twice(question: bytes) -> Command[bytes]:
    """Asks again when there is no answer."""
    try:
        return (yield question)
    except NoAnswer:
        return (yield b"again " + question)


@contextmanager
def dialogue(answers: Callable[[bytes], list[bytes]], answer_within: float = 5.0) -> Iterator[Dialogue]:
    def serve(wire: Wire) -> None:
        while True:
            question = wire.read()
            for piece in answers(question):
                wire.write(piece)

    with Outlet(serve) as outlet, Port.open(outlet.url) as port:
        yield Dialogue(port, Lines, answer_within=answer_within, quiet=0.02)


def test_a_question_is_answered() -> None:
    with dialogue(lambda question: [b"answer to " + question + b"\n"]) as talk:
        assert talk.run(ask(b"one", b"answer to one")) == []
        assert talk.run(ask(b"two", b"answer to two")) == []
        assert len(talk.answer_times) == 2
        assert all(seconds > 0 for seconds in talk.answer_times)


def test_frames_that_are_no_answer_are_passed_over() -> None:
    with dialogue(lambda _: [b"late\nla", b"ter\nyes\n"]) as talk:
        assert talk.run(ask(b"question", b"yes")) == [b"late", b"later"]


def test_what_was_said_before_the_question_is_not_its_answer() -> None:
    said = threading.Event()

    def serve(wire: Wire) -> None:
        wire.write(b"yes\n")
        said.set()
        wire.read()
        wire.write(b"no\n")
        wire.read()

    with Outlet(serve) as outlet, Port.open(outlet.url) as port:
        talk = Dialogue(port, Lines, answer_within=5)
        assert said.wait(5)
        assert talk.run(ask(b"question", b"no")) == []


def test_what_was_said_besides_one_answer_is_not_the_next_one() -> None:
    with dialogue(lambda question: [b"yes\nand more\n"] if question == b"first" else [b"no\n"]) as talk:
        assert talk.run(ask(b"first", b"yes")) == []
        assert talk.run(ask(b"second", b"no")) == []


def test_silence_is_no_answer_and_the_error_keeps_what_was_said() -> None:
    with dialogue(lambda _: [], answer_within=0.05) as talk:
        with pytest.raises(NoAnswer) as lost:
            talk.run(ask(SECRET, b"yes"))
        assert lost.value.sent == SECRET
        assert SECRET.decode() not in str(lost.value)


def test_an_unreadable_answer_is_none_and_not_waited_for() -> None:
    with dialogue(lambda _: [b"?!\n"], answer_within=3600) as talk:
        with pytest.raises(NoAnswer) as lost:
            talk.run(ask(b"question", b"yes"))
        assert lost.value.received == b"?!\n"


def test_half_an_answer_is_none_and_not_waited_for() -> None:
    with dialogue(lambda _: [b"ye"], answer_within=3600) as talk, pytest.raises(NoAnswer):
        talk.run(ask(b"question", b"yes"))


def test_a_command_may_know_what_to_do_about_a_lost_answer() -> None:
    with dialogue(lambda question: [b"well\n"] if question.startswith(b"again") else [], answer_within=0.05) as talk:
        assert talk.run(ask_twice(b"question")) == b"well"


def test_a_wire_that_breaks_in_a_conversation_is_told_to_the_command() -> None:
    with Outlet(echo) as outlet, Port.open(outlet.url) as port:
        talk = Dialogue(port, Lines, answer_within=5)
        assert talk.run(ask(b"question\n", b"question")) == []
        outlet.pull()
        with pytest.raises(WireError):
            talk.run(ask(b"question\n", b"never"))
