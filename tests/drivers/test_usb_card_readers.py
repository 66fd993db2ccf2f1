"""USB card readers at the edge of nfcpy: its real chip drivers, over simulated transfers."""

from functools import partial

import pytest

from drivers.devices import CannotOpen
from drivers.nfc_cards import NfcReader, import_nfcpy
from drivers.simulators.cards import CardFault, CardField
from tests.drivers.conformance_cards import QUICKLY, NfcpyConformance, ReaderBench
from tests.drivers.usb_readers import Acr122uReader, Pn533Reader, RcS380Reader, UsbReader, plug_in


class UsbConformance(NfcpyConformance[NfcReader]):
    """Each class names its reader."""

    reader_type: type[UsbReader]
    url = "usb"

    @pytest.fixture
    def bench(self, monkeypatch: pytest.MonkeyPatch) -> ReaderBench[NfcReader]:
        monkeypatch.setattr("drivers.nfc_cards._REST", QUICKLY)
        field = CardField()
        plug_in(monkeypatch, import_nfcpy(), partial(self.reader_type, field))
        return ReaderBench(
            connect=partial(NfcReader.open, url=self.url, prefixes=("patron:",)),
            pull_cable=lambda: field.cause(CardFault.CABLE_PULLED),
            plug_in=field.mend,
            reader=field,
        )


class TestAcr122u(UsbConformance):
    reader_type = Acr122uReader
    url = "usb:072f:2200"


class TestPn533(UsbConformance):
    reader_type = Pn533Reader


class TestRcS380(UsbConformance):
    reader_type = RcS380Reader


@pytest.mark.parametrize(
    ("reader_type", "model", "chip"),
    [
        (Acr122uReader, "ACS ACR122U", "PN532v1.6"),
        (Pn533Reader, "SensorID StickID", "PN533v2.7"),
        (RcS380Reader, "SONY RC-S380/S", "NFC Port-100 v1.11"),
    ],
)
def test_a_usb_reader_says_who_it_is(
    monkeypatch: pytest.MonkeyPatch, reader_type: type[UsbReader], model: str, chip: str
) -> None:
    plug_in(monkeypatch, import_nfcpy(), partial(reader_type, CardField()))
    reader = NfcReader.open("cards", url="usb")
    identity = reader.self_test()
    reader.close()
    assert (identity.model, identity.firmware) == (model, chip)


def test_another_reader_than_the_one_that_is_asked_for_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, import_nfcpy(), partial(RcS380Reader, CardField()))
    with pytest.raises(CannotOpen):
        NfcReader.open("cards", url="usb:072f:2200")
