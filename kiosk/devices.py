"""``tramsach devices list`` and ``probe``: what is plugged in, is it well, and which lines to write down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import tomli_w
from rich.table import Table

from config.devices import DEVICES_FILE, Devices, DeviceSettings
from config.loader import Problems
from config.phrase import Phrase
from drivers.devices import Identity, SerialLine
from drivers.finding import LISTEN, Answer, Attempt, Found, Survey, look, probe
from drivers.health import DeviceHealth, HealthRecord, read_health
from drivers.registry import Kind, Registry, Scheme, Status, load_registry, read_devices, scheme
from drivers.supervisor import DeviceState
from kiosk.i18n import _, language
from kiosk.terminal import Answers, table
from sync.circulation.model import LOCAL_ZONE

#: What a person does about a device that is lost, by the code it was lost with.
REMEDIES: Final[Mapping[str, Phrase]] = {
    "cannot_open": Phrase(
        "Không mở được {name} ở {url}. Hãy xem dây cắm, nguồn điện, quyền dùng cổng, và có chương trình nào khác đang "
        "giữ cổng không.",
        "{name} cannot be opened at {url}. Check its cable, its power, the right to use the port, and whether another "
        "program holds it.",
    ),
    "wire": Phrase(
        "Mất đường dây tới {name}. Hãy xem dây cắm và nguồn điện.",
        "The connection to {name} broke. Check its cable and its power.",
    ),
    "no_answer": Phrase(
        "{name} không trả lời. Hãy xem nguồn điện, rồi driver, baud và framing trong devices.toml.",
        "{name} does not answer. Check its power, then driver, baud and framing in devices.toml.",
    ),
    "refused": Phrase(
        "{name} có trả lời nhưng từ chối. Hãy tắt nó đi rồi bật lại.",
        "{name} answers, and says no. Switch it off and on again.",
    ),
    "not_supported": Phrase(
        "{name} có đó nhưng không làm được việc này. Hãy xem có đúng loại thiết bị không.",
        "{name} is there, and of a kind that cannot do this. Check that it is the right device.",
    ),
    "no_driver": Phrase(
        "Trình điều khiển của {name} không dùng được. Hãy chạy: tramsach devices list",
        "The driver of {name} cannot be used. Run: tramsach devices list",
    ),
    "defect": Phrase(
        "Trình điều khiển của {name} có lỗi; nhật ký ghi rõ. Hãy báo người hỗ trợ.",
        "The driver of {name} has a defect; the log has it. Please tell whoever supports you.",
    ),
}
_ANY_REMEDY: Final = Phrase(
    "{name} không dùng được. Hãy tắt nó đi, bật lại, và xem dây cắm.",
    "{name} cannot be used. Switch it off and on again, and check its cable.",
)

#: The beginning of a new device's name.
_NAMES: Final[Mapping[Kind, str]] = {
    Kind.PAD: "pad",
    Kind.CARD_READER: "reader",
    Kind.SCANNER: "scanner",
    Kind.PRINTER: "printer",
}


def remedy(code: str, device: DeviceSettings) -> Phrase:
    """What to do about a device that was lost with a code, in one or two sentences."""
    return REMEDIES.get(code, _ANY_REMEDY).fill(name=device.name, url=device.url or "–")


def known_devices(say: Answers, home: Path, registry: Registry) -> Devices | None:
    """The station's devices; None, and every mistake said, where the file has some."""
    built = read_devices(home, registry)
    if not isinstance(built, Problems):
        return built.value
    for problem in built:
        say.fail(problem.say(language()))
    return None


def lost_devices(home: Path, devices: Devices, now: datetime) -> Iterator[Phrase]:
    """What to do about each device that a running kiosk is without. Nothing where no kiosk runs."""
    health = read_health(home)
    if health is None or not health.is_running(now):
        return
    for device in devices.devices:
        known = health.of(device.name)
        if known and known.state is DeviceState.LOST:
            yield remedy(known.code, device)


# --- list ---------------------------------------------------------------------------------------------------------


def show_devices(say: Answers, home: Path) -> None:
    """Show what is configured and how it is, what else is plugged in, and the drivers that cannot be used.

    Ends with 1 when a running kiosk is without a device, or when a device has no driver that works.
    """
    registry, now = load_registry(), datetime.now(UTC)
    devices = known_devices(say, home, registry) or Devices()
    survey, health = look(registry), read_health(home)
    running = health is not None and health.is_running(now)
    say.document(
        {
            "kiosk": {"running": running, "written": health.written.isoformat() if health else None},
            "configured": [_row(device, registry, survey, health) for device in devices.devices],
            "found": [_found(found, devices) for found in survey.found],
            "unseen": [phrase.say(language()) for phrase in survey.unseen],
            "drivers": [
                {
                    "name": record.name,
                    "kind": record.driver.kind.value if record.driver else None,
                    "status": record.status.value,
                    "package": record.package,
                    "reason": record.reason.say(language()) if record.reason else "",
                }
                for record in registry.records
            ],
        }
    )
    if devices.devices:
        say.show(_configured_table(devices, registry, survey, health))
        say.show(_told_when(health, now))
    else:
        say.show(_("{file} names no devices yet.").format(file=DEVICES_FILE))
    if others := [found for found in survey.found if found.settings_among(devices) is None]:
        grid = table(_("Plugged in, and in no settings"), _("Address"), _("Calls itself"), _("Driver"), _("What it is"))
        for found in others:
            grid.add_row(found.url or "–", found.name, ", ".join(found.drivers) or "–", found.why.say(language()))
        say.show(grid)
    for phrase in survey.unseen:
        say.show(phrase.say(language()))
    for record in registry.records:
        if record.status is not Status.USABLE and record.reason:
            told = _("Driver {name}: {reason}").format(name=record.name, reason=record.reason.say(language()))
            if any(device.driver == record.name for device in devices.devices):
                say.fail(told)
            else:
                say.show(told)
    for advice in lost_devices(home, devices, now):
        say.fail(advice)


def _told_when(health: HealthRecord | None, now: datetime) -> str:
    if health is None:
        return _("No kiosk has run here yet; try a device: tramsach devices test NAME")
    if health.is_running(now):
        return _("The kiosk is running.")
    at = (health.ended or health.written).astimezone(LOCAL_ZONE)
    return _("The kiosk is not running; this is how it was on {when}.").format(when=f"{at:%d/%m/%Y %H:%M}")


def _configured_table(devices: Devices, registry: Registry, survey: Survey, health: HealthRecord | None) -> Table:
    states = {DeviceState.WELL: _("well"), DeviceState.LOST: _("lost"), DeviceState.UNKNOWN: _("unknown")}
    grid = table(
        _("The station's devices"),
        _("Name"),
        _("Driver"),
        _("Address"),
        _("State"),
        _("Since"),
        _("Answers (ms)"),
        _("Lost"),
        right=(_("Answers (ms)"), _("Lost")),
    )
    for device in devices.devices:
        record, known = registry.get(device.driver), health.of(device.name) if health else None
        title = record.driver.drives.say(language()) if record and record.driver else device.driver
        state = states[known.state] if known else _("never run")
        if known is None and _is_away(device, survey):
            state = _("not plugged in")
        times = _milliseconds(known) if known else "–"
        since = f"{known.since.astimezone(LOCAL_ZONE):%d/%m %H:%M}" if known else "–"
        address = " ".join(part for part in (device.url, f"({device.serial})" if device.serial else "") if part)
        grid.add_row(device.name, title, address or "–", state, since, times, str(known.losses) if known else "–")
    return grid


def _milliseconds(known: DeviceHealth) -> str:
    if known.answer_p50 is None or known.answer_p95 is None:
        return "–"
    return f"{known.answer_p50 * 1000:.0f} / {known.answer_p95 * 1000:.0f}"


def _is_away(device: DeviceSettings, survey: Survey) -> bool:
    """Whether a device on a port of this machine is on none that there is."""
    by_number = any(found.is_of(device) for found in survey.found)
    return scheme(device.url) is Scheme.SERIAL and bool(device.url) and not by_number and not Path(device.url).exists()


def _row(device: DeviceSettings, registry: Registry, survey: Survey, health: HealthRecord | None) -> dict[str, object]:
    known = health.of(device.name) if health else None
    kind = registry.kind(device)
    return {
        "name": device.name,
        "driver": device.driver,
        "kind": kind.value if kind else None,
        "url": device.url,
        "serial": device.serial,
        "plugged_in": not _is_away(device, survey),
        "state": known.state.value if known else None,
        "since": known.since.isoformat() if known else None,
        "model": known.model if known else "",
        "code": known.code if known else "",
        "losses": known.losses if known else 0,
        "errors": dict(known.errors) if known else {},
        "answer_p50": known.answer_p50 if known else None,
        "answer_p95": known.answer_p95 if known else None,
    }


def _found(found: Found, devices: Devices) -> dict[str, object]:
    mine = found.settings_among(devices)
    usb = f"{found.vendor:04x}:{found.product:04x}" if found.vendor is not None and found.product is not None else ""
    return {
        "url": found.url,
        "name": found.name,
        "serial": found.serial,
        "usb": usb,
        "drivers": list(found.drivers),
        "configured_as": mine.name if mine else None,
        "why": found.why.say(language()),
    }


# --- probe --------------------------------------------------------------------------------------------------------


def probe_addresses(say: Answers, home: Path, url: str | None) -> None:
    """Ask what is at an address, or at every serial port that is in no settings, and propose lines for the file.

    Ends with 1 when nothing was recognised at an address.
    """
    registry = load_registry()
    devices = known_devices(say, home, registry)
    if devices is None:
        return
    survey = look(registry)
    free = (found.url for found in survey.found if found.url and found.settings_among(devices) is None)
    addresses = [url] if url else list(free)
    health = read_health(home)
    busy = health is not None and health.is_running(datetime.now(UTC))
    told = []
    say.show(
        _("Asked in this order: listen; printers, pads, card readers. Nothing is printed or written."),
        _("To have a scanner recognised, scan any code now."),
    )
    for address in addresses:
        if busy and any(device.url == address for device in devices.devices):
            say.fail(_("The kiosk is running and uses {url}. Close it first, then try again.").format(url=address))
            continue
        say.show(_("{url} …").format(url=address))
        attempts = []
        for attempt in probe(address, registry, listen=LISTEN):
            attempts.append(attempt)
            say.show("  " + _attempt(attempt, registry))
        proposal = _proposal(address, attempts, registry, devices, survey)
        told.append({"url": address, "attempts": [_plain(one) for one in attempts], "proposal": proposal})
        if proposal is None:
            say.fail(_advice(address, attempts))
            continue
        say.show(_("Write this into {file}:").format(file=home / DEVICES_FILE), "", "[[devices]]")
        say.show(tomli_w.dumps(proposal))
        devices = replace(
            devices, devices=(*devices.devices, DeviceSettings(str(proposal["name"]), attempts[-1].driver))
        )
    if not addresses:
        say.fail(_("No port was found that is in no settings. Plug the device in, or give its address."))
    say.document(told)


def _attempt(attempt: Attempt, registry: Registry) -> str:
    record = registry.get(attempt.driver)
    what = record.driver.drives.say(language()) if record and record.driver else _("the address itself")
    line = f" {attempt.line.baud} {attempt.line.framing}" if attempt.line else ""
    said = {
        Answer.RECOGNISED: _("recognised: {who}").format(who=_who(attempt.identity) or what),
        Answer.UNFIT: _("it is one, and cannot do what a station needs: {reason}").format(reason=attempt.reason),
        Answer.NOTHING: _("no answer"),
        Answer.NOT_OPENED: _("not opened: {reason}").format(reason=attempt.reason),
    }
    return f"{what}{line}: {said[attempt.answer]}"


def _who(identity: Identity | None) -> str:
    return f"{identity.model} {identity.firmware}".strip() if identity else ""


def _plain(attempt: Attempt) -> dict[str, object]:
    identity = attempt.identity
    return {
        "driver": attempt.driver,
        "baud": attempt.line.baud if attempt.line else None,
        "framing": attempt.line.framing if attempt.line else None,
        "answer": attempt.answer.value,
        "model": identity.model if identity else "",
        "firmware": identity.firmware if identity else "",
        "reason": attempt.reason,
    }


def _proposal(
    url: str, attempts: list[Attempt], registry: Registry, devices: Devices, survey: Survey
) -> dict[str, object] | None:
    """The table for the file; None where nothing was recognised."""
    last = attempts[-1] if attempts else None
    record = registry.get(last.driver) if last and last.answer is Answer.RECOGNISED else None
    if last is None or record is None or record.driver is None:
        return None
    driver = record.driver
    taken = {device.name for device in devices.devices}
    names = (_NAMES[driver.kind] + (str(n) if n > 1 else "") for n in range(1, len(taken) + 2))
    proposal: dict[str, object] = {
        "name": next(name for name in names if name not in taken),
        "driver": driver.name,
        "url": url,
    }
    serial = next((found.serial for found in survey.found if found.url == url and found.serial), "")
    # Two adapters of one make may have the same number, or the same missing one.
    if serial and sum(found.serial == serial for found in survey.found) == 1:
        proposal["serial"] = serial
    delivered = driver.line or SerialLine()
    if last.line and last.line.baud != delivered.baud:
        proposal["baud"] = last.line.baud
    if last.line and last.line.framing != delivered.framing:
        proposal["framing"] = last.line.framing
    return proposal


def _advice(url: str, attempts: list[Attempt]) -> str:
    """What to do about an address where nothing was recognised."""
    if not attempts:
        return _("No driver here knows addresses like {url}.").format(url=url)
    if attempts[0].answer is Answer.NOT_OPENED:
        return _("{url} cannot be opened. Check the cable, the rights, and whether another program has it.").format(
            url=url
        )
    if attempts[-1].answer is Answer.UNFIT:
        return _("The device at {url} cannot do what a station needs.").format(url=url)
    return _(
        "Nobody answered at {url}. Check power and cable. A scanner says nothing until it scans: try again and scan."
    ).format(url=url)
