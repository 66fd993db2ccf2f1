"""``tramsach devices`` and ``tramsach simulate``: what they find, what they say, and what they keep to themselves."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from serial.tools import list_ports

from config.devices import DEVICES_FILE, Devices, DeviceSettings
from config.loader import Built, dump, read_toml
from drivers import finding, shipped
from drivers.devices import (
    BarcodeScanned,
    Card,
    CardPresented,
    CardRemoved,
    CardTechnology,
    CodeKind,
    DeviceBack,
    DeviceEvent,
    DeviceLost,
    Identity,
    PrinterStatus,
    SerialLine,
    SeveralCards,
    StackOverfull,
    StackSteady,
    TagArrived,
    TagGone,
    TagRead,
    UnreadableTag,
)
from drivers.health import HEALTH_FILE, DeviceHealth, HealthRecord
from drivers.iso15693 import TagFault, Uid
from drivers.library_tag import LibraryTag, Usage
from drivers.registry import load_registry, read_devices
from drivers.simulators.card_reader import SimulatedCardReader
from drivers.simulators.cards import VirtualCard
from drivers.simulators.field import PadFault, VirtualTag
from drivers.simulators.pad import SimulatedPad
from drivers.simulators.printer import PrinterFault, SimulatedPrinter
from drivers.simulators.scanner import SimulatedScanner
from drivers.supervisor import DeviceState
from kiosk.device_trials import TEST_ITEM, event_in_words, masked, plain_event
from tests.kiosk.typed import Typed, started

UID: Uid = bytes.fromhex("E004010012345678")
CARD = "TN000104"
#: An address at which nobody ever is.
NOWHERE = "socket://127.0.0.1:1"


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without ports and without USB, whatever the one is like that tests run on."""
    monkeypatch.setattr(list_ports, "comports", list)
    (tmp_path / "sys").mkdir()
    monkeypatch.setattr(finding, "_SYSFS", tmp_path / "sys")
    monkeypatch.setattr(finding, "_PRINTER_FILES", tmp_path / "lp")
    monkeypatch.setattr("kiosk.devices.LISTEN", 0.05)
    monkeypatch.setattr(shipped, "_HELLO_WITHIN", 20)


@pytest.fixture
def configure(home: Path) -> Callable[..., None]:
    """Writes devices.toml: a name, a driver and an address each."""

    def write(*devices: tuple[str, str, str], **more: object) -> None:
        text = ""
        for name, driver, url in devices:
            text += f'[[devices]]\nname = "{name}"\ndriver = "{driver}"\nurl = "{url}"\n'
            text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in more.items())
        (home / DEVICES_FILE).write_text(text, "utf-8")

    return write


def plug(monkeypatch: pytest.MonkeyPatch, url: str, serial: str = "A5") -> None:
    port = SimpleNamespace(device=url, product="FT232R", serial_number=serial, vid=0x0403, pid=0x6001)
    monkeypatch.setattr(list_ports, "comports", lambda: [port])


def keep(home: Path, *, state: DeviceState = DeviceState.WELL, code: str = "", running: bool = True) -> None:
    """The record that a kiosk leaves, running now or ended long ago."""
    now = datetime.now(UTC) - (timedelta() if running else timedelta(days=3))
    pad = DeviceHealth("pad", "feig", state, now, "FEIG OBID", code=code, losses=2, errors={"wire": 2}, answer_p50=0.01)
    record = HealthRecord(now, now, None if running else now, (replace(pad, answer_p95=0.034),))
    (home / HEALTH_FILE).write_text(json.dumps(dump(record)), "utf-8")


# --- list ---------------------------------------------------------------------------------------------------------


def test_without_devices_the_list_says_so_and_nothing_is_wrong(typed: Typed) -> None:
    ended = typed("devices", "list")
    assert (ended.code, ended.err) == (0, "")
    assert DEVICES_FILE in ended.out
    document = typed("devices", "list", "--json").document
    assert (document["configured"], document["found"]) == ([], [])
    assert {driver["name"] for driver in document["drivers"]} >= {"feig", "nfc", "scanner", "escpos"}


def test_what_is_plugged_in_and_in_no_settings_is_listed_with_what_to_do(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug(monkeypatch, "/dev/ttyUSB0")
    (found,) = typed("devices", "list", "--json").document["found"]
    assert (found["url"], found["serial"], found["usb"]) == ("/dev/ttyUSB0", "A5", "0403:6001")
    assert found["drivers"] == []
    assert "tramsach devices probe /dev/ttyUSB0" in found["why"]
    assert "probe" in typed("devices", "list", lang="vi").out


def test_a_configured_device_is_known_by_its_serial_number_wherever_it_is(
    typed: Typed, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(("pad", "feig", "/dev/ttyUSB7"), serial="A5")
    plug(monkeypatch, "/dev/ttyUSB0")
    document = typed("devices", "list", "--json").document
    assert document["found"][0]["configured_as"] == "pad"
    assert document["configured"][0]["plugged_in"] is True
    plug(monkeypatch, "/dev/ttyUSB0", "B7")
    document = typed("devices", "list", "--json").document
    assert document["found"][0]["configured_as"] is None
    assert document["configured"][0]["plugged_in"] is False
    assert "not plugged in" in " ".join(typed("devices", "list").out.split())


def test_the_last_known_run_is_told_with_its_time(typed: Typed, home: Path, configure: Callable[..., None]) -> None:
    configure(("pad", "feig", NOWHERE))
    keep(home, state=DeviceState.LOST, code="wire", running=False)
    ended = typed("devices", "list")
    assert (ended.code, ended.err) == (0, "")  # nobody is without it now
    assert "not running" in ended.out
    assert "10 / 34" in ended.out
    (row,) = typed("devices", "list", "--json").document["configured"]
    assert (row["state"], row["code"], row["losses"], row["errors"]) == ("lost", "wire", 2, {"wire": 2})
    assert (row["answer_p50"], row["answer_p95"]) == (0.01, 0.034)


@pytest.mark.parametrize("lang", ["en", "vi"])
def test_a_running_kiosk_without_its_pad_is_a_failure_that_says_what_to_do(
    typed: Typed, home: Path, configure: Callable[..., None], lang: str
) -> None:
    configure(("pad", "feig", NOWHERE))
    keep(home, state=DeviceState.LOST, code="no_answer")
    ended = typed("devices", "list", lang=lang)
    assert ended.code == 1
    (said,) = ended.sentences
    assert said.startswith("pad")
    assert {"en": "Check its power", "vi": "Hãy xem nguồn điện"}[lang] in said
    assert typed("devices", "list", "--json").document["kiosk"]["running"] is True


def test_mistakes_in_the_file_are_named_and_the_rest_is_shown(typed: Typed, configure: Callable[..., None]) -> None:
    configure(("pad", "fieg", NOWHERE), ("printer", "escpos", ""))
    ended = typed("devices", "list", "--json")
    assert ended.code == 1
    assert len(ended.sentences) == 2
    assert "'fieg'" in ended.sentences[0]
    assert ended.document["configured"] == []


def test_a_driver_that_cannot_be_used_is_a_failure_only_where_a_device_needs_it(
    typed: Typed, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.registry.find_spec", lambda name: None if name == "smartcard" else object())
    assert typed("devices", "list").code == 0
    configure(("reader", "pcsc", "pcsc"))
    ended = typed("devices", "list")
    assert ended.code == 1
    assert "tramsach[pcsc]" in ended.err


def test_the_doctor_knows_of_a_lost_device_and_of_mistakes(
    typed: Typed, library: Path, configure: Callable[..., None]
) -> None:
    def finding_of() -> tuple[str, str]:
        lines = typed("doctor", "--json").document
        return next((line["level"], line["message"]) for line in lines if line["check"] == "devices")

    configure(("pad", "feig", NOWHERE))
    assert finding_of()[0] == "ok"
    keep(library, state=DeviceState.LOST, code="cannot_open")
    level, message = finding_of()
    assert level == "failure"
    assert NOWHERE in message
    configure(("pad", "fieg", NOWHERE))
    level, message = finding_of()
    assert level == "failure"
    assert "'fieg'" in message


def test_checking_the_settings_checks_the_devices_too(
    typed: Typed, library: Path, configure: Callable[..., None]
) -> None:
    configure(("pad", "feig", NOWHERE))
    assert library.is_dir()
    assert typed("config", "check").code == 0
    configure(("pad", "fieg", NOWHERE))
    ended = typed("config", "check", "--json")
    assert ended.code == 1
    assert [line["key"] for line in ended.document] == ["devices[0].driver"]


# --- probe --------------------------------------------------------------------------------------------------------


def test_a_recognised_device_is_proposed_in_lines_that_are_right(typed: Typed, home: Path) -> None:
    with SimulatedPad() as pad:
        ended = typed("devices", "probe", pad.url)
        assert (ended.code, ended.err) == (0, "")
        (home / DEVICES_FILE).write_text(ended.out[ended.out.index("[[devices]]") :], "utf-8")
        built = read_devices(home, load_registry())
        assert isinstance(built, Built)
        (device,) = built.value.devices
        assert (device.name, device.driver, device.url) == ("pad", "feig", pad.url)
        (told,) = typed("devices", "probe", pad.url, "--json").document
    assert told["proposal"] == {"name": "pad2", "driver": "feig", "url": pad.url}
    assert told["attempts"][-1]["answer"] == "recognised"
    assert told["attempts"][-1]["model"].startswith("FEIG")


def test_every_port_in_no_settings_is_asked_and_its_serial_number_remembered(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedPad() as pad:
        plug(monkeypatch, pad.url)
        (told,) = typed("devices", "probe", "--json").document
    assert told["proposal"] == {"name": "pad", "driver": "feig", "url": pad.url, "serial": "A5"}


def test_a_reader_that_is_set_otherwise_is_proposed_with_its_line(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    def found(url: str, _registry: object, *, listen: float) -> Iterator[finding.Attempt]:
        assert (url, listen) == ("COM3", 0.05)
        yield finding.Attempt("feig", SerialLine(115_200, "8N1"), finding.Answer.RECOGNISED)

    monkeypatch.setattr("kiosk.devices.probe", found)
    ended = typed("devices", "probe", "COM3")
    assert 'baud = 115200\nframing = "8N1"' in ended.out
    assert read_toml(home / DEVICES_FILE) is not None


@pytest.mark.parametrize(("lang", "said"), [("en", "cannot be opened"), ("vi", "Không mở được")])
def test_an_address_where_nobody_is_says_what_to_check(typed: Typed, lang: str, said: str) -> None:
    ended = typed("devices", "probe", NOWHERE, lang=lang)
    assert ended.code == 1
    (sentence,) = ended.sentences
    assert said in sentence
    assert NOWHERE in sentence


def test_without_an_address_and_without_ports_there_is_nothing_to_ask(typed: Typed) -> None:
    ended = typed("devices", "probe")
    assert ended.code == 1
    assert len(ended.sentences) == 1
    assert typed("devices", "probe", "ftp://x").code == 1


def test_a_device_of_a_running_kiosk_is_left_alone(typed: Typed, home: Path, configure: Callable[..., None]) -> None:
    with SimulatedPad() as pad:
        configure(("pad", "feig", pad.url))
        keep(home)
        for words in (("probe", pad.url), ("test", "pad"), ("watch", "--seconds", "1")):
            ended = typed("devices", *words)
            assert ended.code == 1
            assert "The kiosk is running" in ended.err
        assert pad.inventories == 0


# --- test ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("afi", "alarms"), [(0x07, True), (0xC2, False), (0x9E, None)])
def test_a_tag_is_read_and_the_gate_is_told_in_words(
    typed: Typed, configure: Callable[..., None], afi: int, alarms: bool | None
) -> None:
    with SimulatedPad() as pad:
        configure(("pad", "feig", pad.url))
        pad.put(VirtualTag.of_item(UID, "TN.00131", isil="VN-TN", afi=afi))
        (tag,) = typed("devices", "test", "pad", "--json").document["tags"]
        said = " ".join(typed("devices", "test", "pad").out.split())
    assert (tag["uid"], tag["item_id"], tag["isil"]) == (UID.hex().upper(), "TN.00131", "VN-TN")
    assert (tag["afi"], tag["gate_alarms"], tag["model"]) == (f"{afi:02X}", alarms, "28560-3")
    assert {True: "gate would", False: "gate stays", None: "another"}[alarms] in said
    assert pad.afi_writes == 0


def test_the_marks_of_the_settings_decide_what_a_gate_does(typed: Typed, configure: Callable[..., None]) -> None:
    with SimulatedPad() as pad:
        configure(("pad", "feig", pad.url), afi_secured=0xD7, afi_released=0xDA)
        pad.put(VirtualTag.of_item(UID, "TN.00131", afi=0xD7))
        (tag,) = typed("devices", "test", "pad", "--json").document["tags"]
    assert tag["gate_alarms"] is True


def test_a_blank_tag_is_said_to_be_blank(typed: Typed, configure: Callable[..., None]) -> None:
    with SimulatedPad() as pad:
        configure(("pad", "feig", pad.url))
        pad.put(VirtualTag(UID))
        (tag,) = typed("devices", "test", "pad", "--json").document["tags"]
    assert (tag["content"], tag["item_id"]) == ("blank", None)


def test_a_readers_card_on_the_pad_is_masked(typed: Typed, configure: Callable[..., None]) -> None:
    with SimulatedPad() as pad:
        configure(("pad", "feig", pad.url))
        pad.put(VirtualTag.of_item(UID, CARD, usage=Usage.PATRON_CARD))
        for words in ((), ("--json",)):
            ended = typed("devices", "test", "pad", *words)
            assert CARD not in ended.out
            assert "••••••04" in ended.out


def test_an_empty_pad_is_a_failure_with_advice(typed: Typed, configure: Callable[..., None]) -> None:
    with SimulatedPad() as pad:
        configure(("pad", "feig", pad.url))
        ended = typed("devices", "test", "pad", "--seconds", "1")
    assert ended.code == 1
    assert "No tag was seen" in ended.err


def test_a_blank_tag_becomes_a_test_tag_with_write_and_its_mark_is_as_before(
    typed: Typed, configure: Callable[..., None]
) -> None:
    with SimulatedPad() as pad:
        configure(("pad", "feig", pad.url))
        pad.put(VirtualTag(UID, afi=0x9E))
        for _ in range(2):  # blank, then what the first trial left
            ended = typed("devices", "test", "pad", "--write", "--json")
            assert (ended.code, ended.err) == (0, "")
            assert ended.document["written"] is True
            (tag,) = pad.tags()
            assert tag.afi == 0x9E
        (read,) = typed("devices", "test", "pad", "--json").document["tags"]
    assert read["item_id"] == TEST_ITEM


@pytest.mark.parametrize(
    "tags",
    [
        (VirtualTag.of_item(UID, "TN.00131"),),
        (VirtualTag(UID), VirtualTag(UID[:-1] + b"\x79")),
        (VirtualTag(UID, bytearray(b"\xaa" * 112)),),
    ],
)
def test_no_tag_but_one_blank_one_is_ever_written(
    typed: Typed, configure: Callable[..., None], tags: tuple[VirtualTag, ...]
) -> None:
    before = [(bytes(tag.memory), tag.afi) for tag in tags]
    with SimulatedPad() as pad:
        configure(("pad", "feig", pad.url))
        pad.put(*tags)
        ended = typed("devices", "test", "pad", "--write")
        assert [(bytes(tag.memory), tag.afi) for tag in pad.tags()] == before
        assert pad.afi_writes == 0
    assert ended.code == 1
    assert "blank" in ended.err


def test_a_tag_that_takes_no_mark_is_said_to_take_none(typed: Typed, configure: Callable[..., None]) -> None:
    with SimulatedPad() as pad:
        configure(("pad", "feig", pad.url))
        pad.put(VirtualTag(UID))
        pad.cause(PadFault.WRITE_IGNORED)
        ended = typed("devices", "test", "pad", "--write", "--json")
    assert ended.code == 1
    assert ended.document["written"] is False
    assert "Writing failed at" in ended.err


@pytest.mark.parametrize(
    ("card", "technology", "identifier"),
    [
        (VirtualCard.with_text(bytes.fromhex("04A1B2C3D4E5F6"), CARD), "14443A", "••••••04"),
        (VirtualCard.plain(bytes.fromhex("A1B2C3D4")), "14443A", None),
    ],
)
def test_a_card_is_read_and_its_numbers_are_masked(
    typed: Typed, configure: Callable[..., None], card: VirtualCard, technology: str, identifier: str | None
) -> None:
    with SimulatedCardReader() as reader:
        configure(("reader", "nfc", reader.url))
        reader.tap(card)
        ended = typed("devices", "test", "reader", "--json")
        words = typed("devices", "test", "reader").out
    told = ended.document["card"]
    assert ended.code == 0
    assert (told["technology"], told["patron_identifier"]) == (technology, identifier)
    assert set(told["uid"][:-2]) == {"•"}
    for said in (ended.out, words):
        assert CARD not in said
        assert not re.search("A1B2C3", said)


def test_a_card_that_names_nobody_is_refused_with_a_reason(typed: Typed, configure: Callable[..., None]) -> None:
    with SimulatedCardReader() as reader:
        configure(("reader", "nfc", reader.url))
        reader.tap(VirtualCard.inventive())
        ended = typed("devices", "test", "reader", "--json")
        assert typed("devices", "test", "reader", "--write").code == 1
    assert ended.code == 1
    assert ended.document["card"]["uid_is_random"] is True
    assert "names nobody" in ended.err


def test_no_card_in_time_is_a_failure(typed: Typed, configure: Callable[..., None]) -> None:
    with SimulatedCardReader() as reader:
        configure(("reader", "nfc", reader.url))
        ended = typed("devices", "test", "reader", "--seconds", "1", "--json")
    assert (ended.code, ended.document["card"]) == (1, None)


def test_a_code_is_read_and_masked(typed: Typed, configure: Callable[..., None]) -> None:
    with SimulatedScanner() as scanner:
        configure(("scanner", "scanner", scanner.url), patron_prefix="TN0")
        with scanning(scanner):
            ended = typed("devices", "test", "scanner", "--json")
            words = typed("devices", "test", "scanner")
    assert ended.document["code"] == {"code": "••••••04", "length": 8, "kind": "patron"}
    assert CARD not in ended.out + words.out
    assert (ended.code, words.code) == (0, 0)


@contextmanager
def scanning(scanner: SimulatedScanner) -> Iterator[None]:
    """Somebody who scans a card again and again."""
    done = threading.Event()

    def scan() -> None:
        while not done.wait(0.05):
            scanner.scan(CARD)

    hand = threading.Thread(target=scan)
    hand.start()
    try:
        yield
    finally:
        done.set()
        hand.join()


def test_the_test_page_comes_out_and_the_printer_says_how_it_is(typed: Typed, configure: Callable[..., None]) -> None:
    with SimulatedPrinter() as printer:
        configure(("printer", "escpos", printer.url))
        ended = typed("devices", "test", "printer", "--json")
        (page,) = printer.receipts()
    assert ended.code == 0
    assert ended.document["outcome"] == "printed"
    assert ended.document["status"] == {"connection": "online", "cover": "closed", "paper": "present"}
    assert page.width == 576
    assert page.height > 200


@pytest.mark.parametrize(
    ("fault", "outcome", "said"),
    [
        (PrinterFault.PAPER_OUT, None, "no paper"),
        (PrinterFault.COVER_OPEN, "failed", "did not come out"),
        (PrinterFault.NO_ANSWER, "unknown", "does not say"),
    ],
)
def test_a_page_that_may_not_have_come_out_is_a_failure(
    typed: Typed, configure: Callable[..., None], fault: PrinterFault, outcome: str | None, said: str
) -> None:
    with SimulatedPrinter() as printer:
        configure(("printer", "escpos", printer.url))
        printer.cause(fault)
        ended = typed("devices", "test", "printer", "--json")
    assert ended.code == 1
    assert ended.document["outcome"] == outcome
    assert said in ended.err


@pytest.mark.parametrize(("lang", "said"), [("en", "Check its cable"), ("vi", "Hãy xem dây cắm")])
def test_a_device_that_is_not_there_says_what_to_check(
    typed: Typed, configure: Callable[..., None], lang: str, said: str
) -> None:
    configure(("pad", "feig", NOWHERE))
    ended = typed("devices", "test", "pad", lang=lang)
    assert ended.code == 1
    assert said in ended.err
    assert NOWHERE in ended.err
    assert "Traceback" not in ended.err
    assert typed("devices", "test", "pad", "--json").document["code"] == "cannot_open"


def test_a_name_that_no_device_has_is_answered_with_those_there_are(
    typed: Typed, configure: Callable[..., None]
) -> None:
    configure(("pad", "feig", NOWHERE))
    ended = typed("devices", "test", "pat")
    assert ended.code == 1
    assert "pad" in ended.err


def test_a_scanner_that_types_is_tried_in_the_window(typed: Typed, configure: Callable[..., None]) -> None:
    configure(("scanner", "wedge", ""))
    ended = typed("devices", "test", "scanner")
    assert ended.code == 1
    assert "tramsach kiosk" in ended.err
    assert typed("devices", "watch", "--seconds", "1").out == "Ctrl-C ends it.\n"


# --- watch --------------------------------------------------------------------------------------------------------


def test_watching_shows_every_device_and_no_number(typed: Typed, configure: Callable[..., None]) -> None:
    wanted = {
        ("pad", "back"), ("pad", "tag_arrived"), ("pad", "tag_read"), ("pad", "steady"), ("reader", "card"),
        ("scanner", "code"), ("dead", "lost"),
    }  # fmt: skip
    with SimulatedPad() as pad, SimulatedCardReader() as reader, SimulatedScanner() as scanner:
        configure(("pad", "feig", pad.url), ("reader", "nfc", reader.url), ("scanner", "scanner", scanner.url),
                  ("dead", "feig", NOWHERE))  # fmt: skip
        pad.put(VirtualTag.of_item(UID, "TN.00131"))
        reader.tap(VirtualCard.with_text(bytes.fromhex("04A1B2C3D4E5F6"), CARD))
        events: list[dict[str, str]] = []
        with scanning(scanner):
            for seconds in ("2", "20"):  # the second where the machine is busy
                ended = typed("devices", "watch", "--seconds", seconds, "--json")
                events = [json.loads(line) for line in ended.out.splitlines()]
                assert (ended.code, ended.err) == (0, "")
                assert CARD not in ended.out
                assert "A1B2C3" not in ended.out
                assert sum(event["device"] == "dead" for event in events) == 1
                if wanted <= {(event["device"], event["event"]) for event in events}:
                    break
            else:
                raise AssertionError(events)


def test_every_event_has_words_of_its_own_and_none_a_readers_number() -> None:
    card = Card(CardTechnology.TYPE_A, bytes.fromhex("04A1B2C3D4E5F6"), CARD)
    events: list[DeviceEvent] = [
        DeviceBack("pad", Identity("FEIG")),
        DeviceLost("pad", "wire"),
        TagArrived("pad", UID),
        TagRead("pad", UID, LibraryTag(CARD, usage=Usage.PATRON_CARD)),
        TagRead("pad", UID, UnreadableTag(TagFault.GONE)),
        TagGone("pad", UID),
        StackSteady("pad", frozenset({UID})),
        StackOverfull("pad"),
        CardPresented("pad", card),
        SeveralCards("pad"),
        CardRemoved("pad"),
        BarcodeScanned("pad", CARD, CodeKind.PATRON),
        PrinterStatus("pad"),
    ]
    devices = Devices((DeviceSettings("pad", "feig", NOWHERE),))
    words = [event_in_words(event, devices) for event in events]
    plain = [plain_event(event) for event in events]
    assert len(set(words)) == len(events)
    assert len({str(one["event"]) for one in plain}) == len(events) - 1  # two are of tags that were read
    for said in (*words, *map(str, plain)):
        assert CARD not in said
        assert "A1B2C3" not in said


def test_in_a_terminal_a_lost_device_is_told_once_and_in_words_alone(
    home: Path, configure: Callable[..., None]
) -> None:
    configure(("pad", "feig", NOWHERE))
    ended = started("--home", str(home), "--lang", "vi", "devices", "watch", "--seconds", "1")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.count("Hãy xem dây cắm") == 1


def test_there_is_nothing_to_watch_without_devices(typed: Typed) -> None:
    assert typed("devices", "watch").code == 1


def test_masking_leaves_two_letters_of_a_long_number_and_none_of_a_short_one() -> None:
    assert masked("TN000104") == "••••••04"
    assert masked("1234") == "••••"
    assert masked("") == ""
    card = CardPresented("reader", Card(CardTechnology.TYPE_A, b"\x04\xa1", CARD))
    assert CARD not in repr(card)


# --- simulate -----------------------------------------------------------------------------------------------------


@pytest.fixture
def say_lines(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Types lines at a simulated device, and answers what it said."""

    def say(*words: str, lines: str = "") -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        ended = typed("simulate", *words)
        assert (ended.code, ended.err) == (0, "")
        return ended.out

    return say


def test_a_simulated_pad_is_moved_by_lines(say_lines: Callable[..., str]) -> None:
    said = say_lines("pad", lines="lay 1 TN.00131 blank\ntake 1\ntake\nshow\n\n")
    first, second, third, *_ = said.split("Lines:")[1].split("SIM-0001", 1)[1].split("TN.00131")
    assert "blank" in second
    assert "SIM-0001" not in second + third
    assert "Nothing lies on the pad." in third
    assert first


@pytest.mark.parametrize(
    ("words", "url"),
    [
        (("pad",), "socket://127.0.0.1:"),
        (("pad", "--model", "rl866"), "socket://127.0.0.1:"),
        (("pad", "--model", "bibliotheca", "--timing"), "socket://127.0.0.1:"),
        (("pad", "--pty"), "tty"),
        (("card",), "udp:127.0.0.1:"),
        (("scanner",), "socket://"),
        (("scanner", "--pty"), "tty"),
        (("printer",), "socket://"),
    ],
)
def test_its_address_is_told_in_lines_that_are_right(
    say_lines: Callable[..., str], home: Path, words: tuple[str, ...], url: str
) -> None:
    said = say_lines(*words)
    lines = said[said.index("[[devices]]") : said.index("Lines:")]
    (home / DEVICES_FILE).write_text(lines, "utf-8")
    built = read_devices(home, load_registry())
    assert isinstance(built, Built)
    assert url in built.value.devices[0].url


def test_faults_are_named_with_hyphens_or_underscores_and_counted(say_lines: Callable[..., str]) -> None:
    said = say_lines("pad", "--fault", "no-answer", lines="fault read_fails 2\nmend no_answer\nmend\nfault x\nmend x\n")
    assert "Broken: read_fails" in said
    assert "Mended: no_answer" in said
    assert "Mended: everything" in said
    assert said.count("Faults: ") == 3  # at the beginning, and for each that there is not


def test_a_line_that_is_not_understood_gets_a_sentence_and_the_device_goes_on(say_lines: Callable[..., str]) -> None:
    said = say_lines("scanner", lines="scam 1\nxyzzy\nscan\nscan TN.1\nhelp\n")
    assert "Did you mean scan?" in said
    assert "Which code?" in said
    assert "Scanned." in said


def test_what_goes_on_no_tag_is_a_sentence(say_lines: Callable[..., str]) -> None:
    assert "goes on no tag" in say_lines("pad", lines="lay " + 60 * "x" + "\n")


def test_cards_and_receipts_by_lines(say_lines: Callable[..., str], tmp_path: Path) -> None:
    said = say_lines("card", lines="tap TN000104\ntap plain\ntap phone\ntake\n")
    assert said.count("A card is on the reader.") == 3
    said = say_lines("printer", lines=f"show\nsave {tmp_path}/r.png\nfault paper_out\nmend\n")
    assert "came out: 0" in said
    assert "Nothing has come out yet." in said


@pytest.mark.parametrize(
    "words",
    [
        ("pad", "--fault", "fire"),
        ("pad", "--model", "acme"),
        ("pad", "--pty", "--port", "5"),
        ("pad", "--port", "70000"),
        ("toaster",),
        (),
    ],
)
def test_a_device_that_cannot_be_simulated_is_a_wrong_line(typed: Typed, words: tuple[str, ...]) -> None:
    assert typed("simulate", *words).code == 2


def test_a_port_that_is_taken_is_a_sentence(typed: Typed) -> None:
    with SimulatedPad() as pad:
        ended = typed("simulate", "pad", "--port", pad.url.rpartition(":")[2])
    assert ended.code == 1
    assert len(ended.sentences) == 1


def test_a_simulated_device_is_found_and_tried_by_the_program_itself(tmp_path: Path) -> None:
    """As a person does it: one in a terminal of its own, which ends with its input."""
    ended = started("--home", str(tmp_path), "simulate", "scanner", said="scan 1\n", LC_ALL="vi_VN.UTF-8")
    assert (ended.code, ended.err) == (0, "")
    assert 'driver = "scanner"' in ended.out
    assert "Đã quét." in ended.out
