"""Card readers through PC/SC, at the edge of pyscard."""

import sys
from collections.abc import Iterator
from functools import partial

import pytest

from drivers.devices import CannotOpen, Card, CardPresented, CardTechnology, DeviceEvent, WireError
from drivers.pcsc import PcscReader
from drivers.simulators.cards import CardFault, CardField, VirtualCard
from tests.drivers.conformance_cards import CLASSIC, IDM, NTAG, CardReaderConformance, ReaderBench
from tests.drivers.fake_scard import READER, FakeScard, install, storage_atr


@pytest.fixture
def field() -> CardField:
    return CardField()


@pytest.fixture
def scard(monkeypatch: pytest.MonkeyPatch, field: CardField) -> Iterator[FakeScard]:
    """Whatever a test does, all that was taken from the system is given back."""
    scard = install(monkeypatch, field)
    yield scard
    assert scard.contexts == set()
    assert scard.handles == set()


class TestPcsc(CardReaderConformance[PcscReader]):
    @pytest.fixture
    def bench(self, monkeypatch: pytest.MonkeyPatch) -> ReaderBench[PcscReader]:
        monkeypatch.setattr("drivers.pcsc._LISTEN", 10)
        field = CardField()
        install(monkeypatch, field)
        return ReaderBench(
            connect=partial(PcscReader.open, prefixes=("patron:",)),
            pull_cable=lambda: field.cause(CardFault.CABLE_PULLED),
            plug_in=field.mend,
            reader=field,
        )


def events(reader: PcscReader, polls: int = 3) -> list[DeviceEvent]:
    return [event for _ in range(polls) for event in reader.poll()]


@pytest.mark.usefixtures("scard")
@pytest.mark.parametrize("url", ["pcsc", "pcsc:", "pcsc:ACR1252", "pcsc:acr1252 dual"])
def test_a_reader_is_found_by_words_in_its_name(url: str) -> None:
    reader = PcscReader.open("cards", url=url)
    assert reader.self_test().model == READER
    reader.close()


@pytest.mark.usefixtures("scard")
def test_where_no_reader_has_such_a_name_none_is_opened_and_the_message_says_which_there_are() -> None:
    with pytest.raises(CannotOpen, match="ACR1252"):
        PcscReader.open("cards", url="pcsc:OMNIKEY")


@pytest.mark.usefixtures("scard")
def test_where_no_reader_is_none_is_opened(field: CardField) -> None:
    field.cause(CardFault.CABLE_PULLED)
    with pytest.raises(CannotOpen, match="none"):
        PcscReader.open("cards")


def test_without_pyscard_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard", None)
    with pytest.raises(CannotOpen, match=r"tramsach\[pcsc\]"):
        PcscReader.open("cards")


def test_without_a_card_service_no_reader_is_opened(scard: FakeScard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scard, "SCardEstablishContext", lambda _scope: (0x8010001D, 0))
    with pytest.raises(CannotOpen, match="8010001D"):
        PcscReader.open("cards")


@pytest.mark.usefixtures("scard")
def test_a_swap_between_two_looks_is_seen_though_the_cards_are_of_one_kind(field: CardField) -> None:
    reader = PcscReader.open("cards")
    field.tap(VirtualCard.plain(CLASSIC))
    assert [type(event).__name__ for event in events(reader)] == ["CardPresented"]
    field.tap(VirtualCard.plain(b"\x01\x02\x03\x04"))
    assert [type(event).__name__ for event in events(reader)] == ["CardRemoved", "CardPresented"]
    reader.close()


def test_a_tag_of_iso_15693_is_no_card(scard: FakeScard, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = PcscReader.open("cards")
    monkeypatch.setattr(scard, "_look", lambda: scard.SCARD_STATE_PRESENT)
    scard.atr = storage_atr(0x0B, 0x0014)
    assert events(reader) == []
    reader.close()


def test_a_card_that_gives_no_uid_is_let_be(
    scard: FakeScard, field: CardField, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(_handle: int, _protocol: int, apdu: list[int]) -> tuple[int, list[int]]:
        asked.append(bytes(apdu))
        return 0, [0x6A, 0x81]

    monkeypatch.setattr(scard, "SCardTransmit", refuse)
    reader = PcscReader.open("cards")
    field.tap(VirtualCard.plain(CLASSIC))
    assert events(reader, 6) == []
    assert asked == [bytes.fromhex("FFCA000000")] * 3
    reader.close()


def test_a_card_that_gives_its_uid_and_no_more_is_told_by_it(
    scard: FakeScard, field: CardField, monkeypatch: pytest.MonkeyPatch
) -> None:
    transmit = scard.SCardTransmit

    def break_off(handle: int, protocol: int, apdu: list[int]) -> tuple[int, list[int]]:
        return transmit(handle, protocol, apdu) if apdu[1] == 0xCA else (scard.SCARD_W_REMOVED_CARD, [])

    monkeypatch.setattr(scard, "SCardTransmit", break_off)
    reader = PcscReader.open("cards")
    field.tap(VirtualCard.with_text(NTAG, "P0012345"))
    assert events(reader, 6) == [CardPresented("cards", Card(CardTechnology.TYPE_A, NTAG))]
    reader.close()


def test_a_service_that_dies_is_a_broken_wire(scard: FakeScard, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = PcscReader.open("cards")
    monkeypatch.setattr(scard, "SCardGetStatusChange", lambda *_: (0x8010001E, []))
    with pytest.raises(WireError, match="8010001E"):
        events(reader)
    reader.close()


@pytest.mark.usefixtures("scard")
def test_of_two_cards_the_reader_tells_one(field: CardField) -> None:
    reader = PcscReader.open("cards")
    field.tap(VirtualCard.plain(CLASSIC), VirtualCard.felica(IDM))
    assert events(reader) == [CardPresented("cards", Card(CardTechnology.TYPE_A, CLASSIC))]
    reader.close()
