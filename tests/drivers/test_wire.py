"""The outlet of simulated devices: connections, pokes and pulled cables."""

import threading
from collections.abc import Callable
from contextlib import closing
from enum import StrEnum

import pytest

from drivers.devices import WireError
from drivers.port import Port
from drivers.simulators.wire import Faults, Link, Outlet, Pace, Wire
from tests.drivers.test_port import LINKS, read_all


@pytest.fixture(params=LINKS)
def link(request: pytest.FixtureRequest) -> Link:
    return Link(request.param)


def test_a_poke_lets_the_device_say_something_by_itself(link: Link) -> None:
    waiting: list[bytes] = []

    def serve(wire: Wire) -> None:
        while True:
            wire.read()
            while waiting:
                wire.write(waiting.pop())

    with Outlet(serve, link=link) as outlet, Port.open(outlet.url) as port:
        port.write(b"?")
        waiting.append(b"8934567890123\r")
        outlet.poke()
        assert read_all(port, 14) == b"8934567890123\r"


def test_a_read_may_end_without_anything(link: Link) -> None:
    heard: list[bytes] = []

    def serve(wire: Wire) -> None:
        heard.append(wire.read(within=0.01))
        wire.write(b"!")
        wire.read()

    with Outlet(serve, link=link) as outlet, Port.open(outlet.url) as port:
        read_all(port, 1)
        assert heard == [b""]


def test_a_paced_wire_carries_the_same_bytes(link: Link) -> None:
    def serve(wire: Wire) -> None:
        while True:
            wire.write(wire.read())

    everything = bytes(range(256))
    with Outlet(serve, link=link, pace=Pace(921600)) as outlet, Port.open(outlet.url) as port:
        port.write(everything)
        assert read_all(port, 256) == everything


def test_a_pulled_cable_ends_the_device_in_the_middle_of_a_wait(link: Link) -> None:
    began = threading.Event()

    def serve(wire: Wire) -> None:
        began.set()
        wire.wait(3600)

    with Outlet(serve, link=link) as outlet, Port.open(outlet.url) as port:
        assert began.wait(10)
        outlet.pull()
        with pytest.raises(WireError):
            port.read(60)


def test_a_driver_that_comes_while_the_cable_is_out_is_turned_away_and_let_in_afterwards() -> None:
    def serve(wire: Wire) -> None:
        while True:
            wire.write(wire.read())

    with Outlet(serve) as outlet:
        outlet.pull()
        for _ in range(3):
            with Port.open(outlet.url) as port, pytest.raises(WireError):
                port.read(60)
        outlet.plug_in()
        with Port.open(outlet.url) as port:
            port.write(b"x")
            assert read_all(port, 1) == b"x"


@pytest.mark.parametrize("state", ["nobody connected", "connected", "pulled"])
def test_closing_ends_it_in_any_state(link: Link, state: str) -> None:
    def serve(wire: Wire) -> None:
        while True:
            wire.read()

    outlet = Outlet(serve, link=link)
    with closing(outlet):
        if state == "connected":
            Port.open(outlet.url).close()
        if state == "pulled":
            outlet.pull()
    outlet.close()
    outlet.poke()


class Trouble(StrEnum):
    NOISE = "noise"
    SILENCE = "silence"


@pytest.mark.parametrize(
    ("cause", "strikes"),
    [
        (lambda _: None, [False, False, False]),
        (lambda faults: faults.cause(Trouble.NOISE, 2), [True, True, False]),
        (lambda faults: faults.cause(Trouble.NOISE), [True, True, True]),
        (lambda faults: (faults.cause(Trouble.NOISE), faults.mend(Trouble.NOISE)), [False, False, False]),
        (lambda faults: (faults.cause(Trouble.NOISE), faults.mend(Trouble.SILENCE)), [True, True, True]),
        (lambda faults: (faults.cause(Trouble.NOISE), faults.mend()), [False, False, False]),
    ],
)
def test_a_fault_strikes_as_often_as_it_was_caused(
    cause: Callable[[Faults[Trouble]], object], strikes: list[bool]
) -> None:
    faults: Faults[Trouble] = Faults()
    cause(faults)
    assert [faults.strikes(Trouble.NOISE) for _ in range(3)] == strikes
    assert not faults.strikes(Trouble.SILENCE)
