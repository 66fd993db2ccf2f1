"""The record of how the devices are: what is in it, when it is written, and who can read it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.devices import Devices, DeviceSettings
from drivers.devices import Identity
from drivers.health import HEALTH_FILE, DeviceHealth, HealthKeeper, HealthRecord, read_health
from drivers.supervisor import DeviceState, Health

DEVICES = Devices((DeviceSettings("pad", "feig", "COM3"), DeviceSettings("printer", "escpos", "COM4")))
SINCE = datetime(2026, 11, 23, 1, tzinfo=UTC)
PAD = Health("pad", DeviceState.WELL, SINCE, Identity("FEIG", "3.3", "77"), answer_p50=0.01, answer_p95=0.02)
PRINTER = Health(
    "printer", DeviceState.LOST, SINCE, code="wire", reason="it broke", losses=3, attempts=9, errors={"wire": 3}
)


def keeper(
    home: Path, look: Callable[[], Sequence[Health]] = lambda: (PAD, PRINTER), every: float = 60
) -> HealthKeeper:
    return HealthKeeper(home, DEVICES, look, every=every, apart=0.001)


class Looks:
    """Counts how often somebody looked."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> Sequence[Health]:
        self.count += 1
        return (PAD,)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def kept(home: Path) -> HealthRecord:
    found = read_health(home)
    assert found
    return found


def test_the_record_holds_every_device(home: Path) -> None:
    writer = keeper(home)
    writer.begin()
    writer.end()
    assert kept(home).devices == (
        DeviceHealth("pad", "feig", DeviceState.WELL, SINCE, "FEIG", "3.3", "77", answer_p50=0.01, answer_p95=0.02),
        DeviceHealth(
            "printer", "escpos", DeviceState.LOST, SINCE, code="wire", reason="it broke", losses=3, attempts=9,
            errors={"wire": 3},
        ),
    )  # fmt: skip
    assert kept(home).of("pad") == kept(home).devices[0]
    assert kept(home).of("scanner") is None


def test_it_is_written_at_once_when_there_is_news_and_not_before(home: Path) -> None:
    now = [PAD]
    writer = keeper(home, lambda: now)
    writer.begin()
    until(lambda: read_health(home) is not None)
    first = kept(home).written
    now[:] = [replace(PAD, state=DeviceState.LOST)]
    time.sleep(0.02)
    assert kept(home).written == first
    writer.news()
    until(lambda: kept(home).devices[0].state is DeviceState.LOST)
    writer.end()


def test_it_is_written_again_when_nothing_happens_for_long(home: Path) -> None:
    writer = keeper(home, every=0.01)
    writer.begin()
    until(lambda: read_health(home) is not None)
    first = kept(home).written
    until(lambda: kept(home).written > first)
    assert kept(home).ended is None
    writer.end()
    assert kept(home).ended is not None


def test_many_news_at_once_are_few_writings(home: Path) -> None:
    looks = Looks()
    writer = HealthKeeper(home, DEVICES, looks, apart=30)
    writer.begin()
    for _ in range(1000):
        writer.news()
    writer.end()
    assert looks.count <= 3


def test_a_kiosk_runs_while_its_record_is_fresh_and_not_ended() -> None:
    record = HealthRecord(SINCE, SINCE)
    assert record.is_running(SINCE + timedelta(seconds=100))
    assert not record.is_running(SINCE + timedelta(minutes=5))
    assert not replace(record, ended=SINCE).is_running(SINCE)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"5", b'{"started": 1}', b"\xff\xfe", b"[" * 5000])
def test_a_record_that_cannot_be_read_is_none(home: Path, content: bytes) -> None:
    (home / HEALTH_FILE).write_bytes(content)
    assert read_health(home) is None


def test_there_is_none_before_the_first_run(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read_health(home) is None
    assert not caplog.records


def test_a_folder_that_takes_no_file_costs_the_record_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    looks = Looks()
    writer = keeper(tmp_path / "nowhere", looks, every=0.001)
    with caplog.at_level(logging.DEBUG, logger="drivers.health"):
        writer.begin()
        until(lambda: looks.count > 5)
        writer.end()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_the_file_is_plain_json_for_a_machine_to_read(home: Path) -> None:
    writer = keeper(home)
    writer.begin()
    writer.end()
    plain = json.loads((home / HEALTH_FILE).read_text("utf-8"))
    assert plain["devices"][1]["errors"] == {"wire": 3}
    assert datetime.fromisoformat(plain["written"]).utcoffset() == timedelta()
