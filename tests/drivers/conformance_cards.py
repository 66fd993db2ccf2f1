"""What every reader of patron cards must do; see ``conformance``."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import pytest

from drivers.devices import (
    Card,
    CardPresented,
    CardReader,
    CardRemoved,
    CardTechnology,
    DeviceBack,
    DeviceLost,
    SeveralCards,
)
from drivers.simulators.cards import CardFault, CardField, VirtualCard
from drivers.supervisor import Supervised
from tests.drivers.conformance import Bench, DeviceConformance, Watch, until

ReaderT = TypeVar("ReaderT", bound=CardReader)

NTAG = bytes.fromhex("04A1B2C3D4E5F6")
OTHER_NTAG = bytes.fromhex("04112233445566")
CLASSIC = bytes.fromhex("A1B2C3D4")
DESFIRE = bytes.fromhex("04998877665544")
#: Seconds between polls where a suite would else spend its time on them.
QUICKLY = 0.001
IDM = bytes.fromhex("0102030405060708")


@dataclass
class ReaderBench(Bench[ReaderT]):
    """The bench of a card reader: the field that virtual cards are put in."""

    reader: CardField


class CardReaderConformance(DeviceConformance[ReaderT]):
    """``bench`` opens the reader; cards with an address say ``patron:`` before the identifier."""

    @pytest.fixture
    def bench(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReaderBench[ReaderT]] | ReaderBench[ReaderT]:
        raise NotImplementedError

    @pytest.fixture
    def reader(self, bench: ReaderBench[ReaderT], device: Supervised[ReaderT], watch: Watch) -> CardField:
        """The simulated reader, with a driver that has found it empty."""
        del device
        watch.next(CardRemoved)
        watch.seen.clear()
        return bench.reader

    def looks(self, reader: CardField, count: int = 8) -> None:
        """Waits until the driver has looked so many more times."""
        enough = reader.polls + count
        until(lambda: reader.polls >= enough)

    def presented(self, watch: Watch) -> list[Card]:
        return [event.card for event in watch.of(CardPresented)]

    def test_a_reader_that_is_empty_says_so_once(self, bench: ReaderBench[ReaderT], watch: Watch) -> None:
        watch.supervisor.add("device", bench.connect)
        watch.next(DeviceBack)
        watch.next(CardRemoved)
        bench.pull_cable()
        watch.next(DeviceLost)
        bench.plug_in()
        watch.next(CardRemoved)
        self.looks(bench.reader)
        assert len(watch.of(CardRemoved)) == 2
        assert watch.of(CardPresented) == []

    def test_nothing_on_the_reader_is_nothing_told(self, reader: CardField, watch: Watch) -> None:
        self.looks(reader)
        assert watch.of(CardPresented, CardRemoved, DeviceLost) == []

    @pytest.mark.parametrize(
        ("card", "seen"),
        [
            (VirtualCard.with_text(NTAG, "P0012345"), Card(CardTechnology.TYPE_A, NTAG, "P0012345")),
            (VirtualCard.with_uri(NTAG, "patron:P0012345"), Card(CardTechnology.TYPE_A, NTAG, "P0012345")),
            (VirtualCard.with_uri(NTAG, "https://example.org/"), Card(CardTechnology.TYPE_A, NTAG)),
            (VirtualCard(NTAG, bytes(64)), Card(CardTechnology.TYPE_A, NTAG)),
            (VirtualCard.plain(CLASSIC), Card(CardTechnology.TYPE_A, CLASSIC)),
            (VirtualCard(bytes(range(1, 11)), sak=0x20), Card(CardTechnology.TYPE_A, bytes(range(1, 11)))),
            (VirtualCard.type4(DESFIRE, "P0012345"), Card(CardTechnology.TYPE_A, DESFIRE, "P0012345")),
            (VirtualCard.type4(DESFIRE, "P" * 60), Card(CardTechnology.TYPE_A, DESFIRE, "P" * 60)),
            (VirtualCard(DESFIRE, sak=0x20), Card(CardTechnology.TYPE_A, DESFIRE)),
            (VirtualCard(b"\x01\x02\x03\x04", technology=CardTechnology.TYPE_B), None),
            (VirtualCard.felica(IDM), None),
        ],
    )
    def test_each_card_is_what_it_is(
        self, reader: CardField, watch: Watch, card: VirtualCard, seen: Card | None
    ) -> None:
        reader.tap(card)
        assert watch.next(CardPresented).card == (seen or Card(card.technology, card.uid or b""))

    def test_a_card_left_on_the_reader_is_told_once_and_its_leaving_once(self, reader: CardField, watch: Watch) -> None:
        reader.tap(VirtualCard.with_text(NTAG, "P0012345"))
        watch.next(CardPresented)
        self.looks(reader)
        reader.take_away()
        watch.next(CardRemoved)
        self.looks(reader)
        assert len(watch.of(CardPresented)) == len(watch.of(CardRemoved)) == 1

    def test_a_card_that_comes_again_is_told_again(self, reader: CardField, watch: Watch) -> None:
        for _ in range(2):
            reader.tap(VirtualCard.with_text(NTAG, "P0012345"))
            watch.next(CardPresented)
            reader.take_away()
            watch.next(CardRemoved)
        assert [card.patron_identifier for card in self.presented(watch)] == ["P0012345"] * 2

    def test_a_card_in_place_of_another_is_one_gone_and_one_come(self, reader: CardField, watch: Watch) -> None:
        reader.tap(VirtualCard.with_text(NTAG, "P0012345"))
        watch.next(CardPresented)
        reader.tap(VirtualCard.with_text(OTHER_NTAG, "P0000007"))
        watch.next(CardPresented)
        assert [type(event) for event in watch.of(CardPresented, CardRemoved)] == [
            CardPresented, CardRemoved, CardPresented,
        ]  # fmt: skip
        assert [card.patron_identifier for card in self.presented(watch)] == ["P0012345", "P0000007"]

    def test_a_card_that_flickers_does_not_leave(self, reader: CardField, watch: Watch) -> None:
        card = VirtualCard.plain(CLASSIC)
        reader.tap(card)
        watch.next(CardPresented)
        for _ in range(5):
            reader.take_away()
            self.looks(reader, 1)
            reader.tap(card)
            self.looks(reader, 2)
        assert watch.of(CardRemoved) == []
        assert len(watch.of(CardPresented)) == 1

    def test_a_card_that_makes_up_its_uid_is_told_once_and_names_nobody(self, reader: CardField, watch: Watch) -> None:
        reader.tap(VirtualCard.inventive())
        card = watch.next(CardPresented).card
        assert card.uid_is_random
        assert card.patron_identifier is None
        self.looks(reader)
        assert len(watch.of(CardPresented)) == 1
        assert watch.of(CardRemoved) == []

    def test_a_telephone_that_carries_the_identifier_is_known_by_it(self, reader: CardField, watch: Watch) -> None:
        reader.tap(VirtualCard.type4(None, "P0012345"))
        assert watch.next(CardPresented).card.patron_identifier == "P0012345"
        self.looks(reader)
        assert len(watch.of(CardPresented)) == 1

    def test_a_card_that_lies_there_when_the_reader_is_opened_is_told(
        self, bench: ReaderBench[ReaderT], watch: Watch
    ) -> None:
        bench.reader.tap(VirtualCard.with_text(NTAG, "P0012345"))
        watch.supervisor.add("device", bench.connect)
        assert watch.next(CardPresented).card.patron_identifier == "P0012345"

    @pytest.mark.parametrize(
        "card", [VirtualCard.with_text(NTAG, "P0012345"), VirtualCard.type4(DESFIRE, "P0012345")], ids=["2", "4"]
    )
    def test_a_card_lifted_while_it_is_read_is_not_told_until_it_can_be(
        self, reader: CardField, watch: Watch, card: VirtualCard
    ) -> None:
        for _ in range(4):
            reader.cause(CardFault.LIFTED_MID_READ, times=1)
            reader.tap(card)
            until(lambda: not reader.cards)
            self.looks(reader, 2)
        assert watch.of(CardPresented, CardRemoved) == []
        reader.tap(card)
        assert watch.next(CardPresented).card.patron_identifier == "P0012345"
        assert len(watch.of(CardPresented)) == 1

    @pytest.mark.parametrize(
        "card", [VirtualCard.with_text(NTAG, "P0012345"), VirtualCard.type4(NTAG, "P0012345")], ids=["2", "4"]
    )
    def test_a_card_whose_message_is_damaged_has_only_its_uid(
        self, reader: CardField, watch: Watch, card: VirtualCard
    ) -> None:
        reader.cause(CardFault.DAMAGED)
        reader.tap(card)
        assert watch.next(CardPresented).card == Card(CardTechnology.TYPE_A, NTAG)

    def test_lost_answers_go_unnoticed(self, reader: CardField, watch: Watch) -> None:
        reader.tap(VirtualCard.with_text(NTAG, "P0012345"))
        watch.next(CardPresented)
        for _ in range(3):
            reader.cause(CardFault.NO_ANSWER, times=1)
            until(lambda: not reader.faults())
            self.looks(reader)
        assert watch.of(DeviceLost, CardRemoved) == []
        assert len(watch.of(CardPresented)) == 1

    def test_a_card_on_a_reader_that_was_lost_is_not_gone_and_is_told_anew(
        self, reader: CardField, watch: Watch
    ) -> None:
        reader.tap(VirtualCard.with_text(NTAG, "P0012345"))
        watch.next(CardPresented)
        reader.cause(CardFault.CABLE_PULLED)
        assert watch.next(DeviceLost).code in {"no_answer", "wire"}
        reader.mend()
        watch.next(DeviceBack)
        assert watch.next(CardPresented).card.patron_identifier == "P0012345"
        assert watch.of(CardRemoved) == []

    def test_no_card_is_in_any_log(self, reader: CardField, watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("DEBUG")
        reader.tap(VirtualCard.with_text(NTAG, "P0012345"))
        event = watch.next(CardPresented)
        reader.cause(CardFault.LIFTED_MID_READ, times=1)
        reader.tap(VirtualCard.with_text(OTHER_NTAG, "P0000007"))
        watch.next(CardRemoved)
        for text in (caplog.text, repr(event)):
            for told in ("P0012345", NTAG.hex(), repr(NTAG), "P0000007", OTHER_NTAG.hex()):
                assert told.lower() not in text.lower()


class NfcpyConformance(CardReaderConformance[ReaderT]):
    """What a reader must do beside that which looks for each technology by itself."""

    def test_cards_of_two_technologies_are_too_many_and_none_is_told(self, reader: CardField, watch: Watch) -> None:
        reader.tap(VirtualCard.with_text(NTAG, "P0012345"), VirtualCard.felica(IDM))
        watch.next(SeveralCards)
        self.looks(reader, 30)
        assert len(watch.of(SeveralCards)) == 1
        assert watch.of(CardPresented) == []
        reader.tap(VirtualCard.felica(IDM))
        assert watch.next(CardPresented).card == Card(CardTechnology.FELICA, IDM)

    def test_a_second_card_beside_one_that_was_told_changes_nothing_of_that_one(
        self, reader: CardField, watch: Watch
    ) -> None:
        first = VirtualCard.with_text(NTAG, "P0012345")
        reader.tap(first)
        watch.next(CardPresented)
        for _ in range(2):
            reader.tap(first, VirtualCard.felica(IDM))
            watch.next(SeveralCards)
            reader.tap(first)
            self.looks(reader, 30)
        assert len(watch.of(CardPresented)) == 1
        assert watch.of(CardRemoved) == []
        reader.tap(first, VirtualCard.felica(IDM))
        watch.next(SeveralCards)
        reader.tap(VirtualCard.felica(IDM))
        assert watch.next(CardPresented).card.uid == IDM
        assert len(watch.of(CardRemoved)) == 1

    def test_several_cards_that_are_all_taken_away_are_gone_once(self, reader: CardField, watch: Watch) -> None:
        reader.tap(VirtualCard.plain(CLASSIC))
        watch.next(CardPresented)
        reader.tap(VirtualCard.plain(CLASSIC), VirtualCard.felica(IDM))
        watch.next(SeveralCards)
        reader.take_away()
        watch.next(CardRemoved)
        self.looks(reader)
        assert len(watch.of(CardRemoved)) == 1

    def test_one_telephone_that_answers_in_two_ways_is_one_card(self, reader: CardField, watch: Watch) -> None:
        telephone = VirtualCard.inventive()
        reader.tap(telephone, VirtualCard(b"\x01\xfe" + IDM[2:], technology=CardTechnology.FELICA))
        assert watch.next(CardPresented).card.uid_is_random
        self.looks(reader)
        assert watch.of(SeveralCards) == []
        assert len(watch.of(CardPresented)) == 1
