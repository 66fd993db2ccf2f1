"""Headquarters in the terminal: found and serve it, its stations, what it says, sticks, the work-list, backups."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import sqlalchemy as sa
from rich.text import Text

from config.hq import Hq
from config.loader import Problems, build, reason_of
from kiosk.catalogue import files_there, show_problems, show_report
from kiosk.i18n import _, language
from kiosk.terminal import Answers, agree, progress, table
from sync.central import announcements, bundles, stations, tables
from sync.central import backup as backups
from sync.central.apply import Applier, Outcome
from sync.central.enrolment import NotAdded, enrol, make_enrolment_code, revoke
from sync.central.office import Office, found, open_office, rules_of, settings_of
from sync.central.office import restore as restore_from
from sync.central.reference import CentralReference
from sync.central.replay import verify
from sync.central.stations import Enrolment
from sync.central.worklist import Listed, NotSettled, open_exceptions, settle
from sync.circulation.blocks import day
from sync.circulation.events import from_ms
from sync.circulation.exceptions import Resolution, resolutions, sentence
from sync.circulation.model import local_day
from sync.circulation.network import Network
from sync.circulation.rules import Rules
from sync.exchange.papers import PaperRefused
from sync.intake.catalogue import import_catalogue
from sync.intake.mapping import load_mapping
from sync.intake.patrons import import_patrons, load_columns
from sync.intake.rules import load_rules, unknown_branches

#: A station that was silent for longer is shown as such.
_SILENT_AFTER: Final = timedelta(days=2)


# --- found and serve --------------------------------------------------------------------------------------------------


def init(
    say: Answers,
    home: Path,
    code: str,
    *,
    name: str,
    url: str,
    database: str | None,
    listens: tuple[str, int, bool],
) -> None:
    """Found a headquarters."""
    host, port, behind_proxy = listens
    values: dict[str, object] = {
        "hq": code, "name": name, "url": url, "host": host, "port": port, "behind_proxy": behind_proxy
    }  # fmt: skip
    if database is not None:
        values["database"] = database
    built = build(Hq, values)
    if isinstance(built, Problems):
        show_problems(say, built)
        return
    reached = urlsplit(url).hostname
    with found(home, built.value, names=[reached] if reached else []) as office:
        fingerprint = office.keys[0].public.fingerprint
        say.document(
            {
                "hq": office.hq,
                "folder": str(office.folder),
                "database": office.database.name,
                "fingerprint": fingerprint,
            }
        )
        say.show(
            _("Headquarters {hq} is founded in {folder}.").format(hq=office.hq, folder=office.folder),
            _("Its key: {fingerprint}").format(fingerprint=fingerprint),
            _("Next: tramsach hq rules import, tramsach hq station add, tramsach hq serve."),
        )


def serve(say: Answers, home: Path, *, host: str | None, port: int | None, workers: int) -> None:
    """Serve until the process is told to end."""
    from sync.central.server import Listening  # noqa: PLC0415  # what only serving needs
    from sync.central.server import serve as serve_on  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # What libraries say of themselves is enough from a warning on; of requests the interface keeps a log.
    for library in ("alembic", "uvicorn"):
        logging.getLogger(library).setLevel(logging.WARNING)

    def ready(listening: Listening) -> None:
        say.line(f'{{"url": "{listening.url}"}}')
        say.show(_("Headquarters is there for stations at {url}; Ctrl-C ends it.").format(url=listening.url))

    serve_on(home, host=host, port=port, workers=workers, on_ready=ready)


# --- stations ---------------------------------------------------------------------------------------------------------


def add_station(
    say: Answers, home: Path, station: str, branch: str, scope: Sequence[str], *, below: bool, days: int
) -> None:
    """Make a code for a station and show it once."""
    with _office(home, "station add") as office:
        rules = _rules(say, office)
        if rules is None:
            return
        unknown = [name for name in (branch, *scope) if name not in rules.network]
        if unknown:
            known = ", ".join(one.code for one in rules.branches)
            for name in unknown:
                say.fail(_("There is no branch '{code}'. Known: {known}.").format(code=name, known=known))
            return
        told = {branch, *scope}
        if below:
            told |= {one.code for one in rules.branches if branch in rules.network.lineage(one.code)}
        code = make_enrolment_code(office, station, branch, tuple(sorted(told)), lasts=timedelta(days=days))
        url = office.url
    if isinstance(code, NotAdded):
        say.fail(code.phrase)
        return
    say.document({"station": station, "branch": branch, "scope": sorted(told), "code": code, "days": days, "url": url})
    say.show(
        _("The code for station {station}, good for {days} days and once: {code}").format(
            station=station, days=days, code=code
        ),
        _("It is told of the readers and items of: {branches}.").format(branches=", ".join(sorted(told))),
        _("At the station:"),
        _to_copy(f"tramsach sync enrol {url or 'URL'} {code}"),
        _("Without a network:"),
        _to_copy(f"tramsach sync enrol {code} --request FILE"),
    )


def list_stations(say: Answers, home: Path) -> None:
    """Show all stations."""
    with _office(home, "station list") as office, office.database.read() as connection:
        everyone, now = stations.everyone(connection), office.clock()
    say.document([_as_json(one) for one in everyone])
    if not everyone:
        say.show(_("There are no stations yet. Begin with: tramsach hq station add."))
        return
    say.show(_stations_table(everyone, now))


def show_station(say: Answers, home: Path, name: str) -> None:
    """Show one station, with what is known of its machine."""
    with _office(home, "station show") as office, office.database.read() as connection:
        epochs, now = stations.epochs(connection, name), office.clock()
    if not epochs:
        say.fail(_no_station(name))
        return
    say.document([_as_json(one) for one in epochs])
    say.show(_stations_table(epochs, now))
    last = epochs[-1]
    current = last.pins.current
    say.show(
        _("It is told of: {branches}.").format(branches=", ".join(last.scope)),
        _("Its key: {fingerprint}").format(fingerprint=current.fingerprint if current else "–"),
    )
    if last.elsewhere:
        say.fail(_elsewhere(last))


def revoke_station(say: Answers, home: Path, name: str, cut: int | None, *, yes: bool) -> None:
    """Withdraw the trust in a station."""
    question = _("Believe station {station} no more? It can only come back with a new code.").format(station=name)
    if not yes and not agree(question):
        say.fail(_("Stopped; nothing more was done."))
        return
    with _office(home, "station revoke") as office:
        revoked = revoke(office, name, cut=cut)
    if revoked is None:
        say.fail(_no_station(name))
        return
    until = min((pin.until for pin in revoked.pins.pins if pin.until is not None), default=revoked.seq)
    say.document({"station": name, "epoch": revoked.epoch, "until": until})
    say.show(
        _("Station {station} is believed up to event {until}; what comes later is kept apart.").format(
            station=name, until=until
        )
    )


def enrol_station(say: Answers, home: Path, file: Path, response: Path) -> None:
    """Answer a request that came on a stick."""
    raw = _read(say, file)
    if raw is None:
        return
    with _office(home, "station enrol") as office:
        granted = enrol(office, raw)
    if isinstance(granted, PaperRefused):
        say.fail(granted.phrase)
        return
    response.write_bytes(granted.response)
    station = granted.station
    say.document({"station": station.station, "epoch": station.epoch, "response": str(response)})
    say.show(
        _("Station {station} is enrolled in epoch {epoch}; the answer is in {file}.").format(
            station=station.station, epoch=station.epoch, file=response
        ),
        _("At the station: tramsach sync enrol --response {file}").format(file=response),
        _("And what it has to begin with: tramsach hq bundle export DIR --station {station}").format(
            station=station.station
        ),
    )


def _stations_table(listed: Sequence[Enrolment], now: int) -> Any:
    columns = [_("Station"), _("Epoch"), _("Branch"), _("Standing"), _("Events"), _("Safe"), _("Last heard")]
    grid = table(_("Stations"), *columns, right=[_("Epoch"), _("Events"), _("Safe")])
    words = {
        stations.Standing.ACTIVE: _("active"),
        stations.Standing.SUPERSEDED: _("superseded"),
        stations.Standing.REVOKED: _("revoked"),
    }
    for one in listed:
        heard = _("never") if one.contact_at is None else day(local_day(from_ms(one.contact_at)))
        if one.contact_at is not None and now - one.contact_at > _SILENT_AFTER // timedelta(milliseconds=1):
            heard = _("{day} (silent)").format(day=heard)
        standing = words[one.status] + (" " + _("(another machine)") if one.elsewhere else "")
        grid.add_row(one.station, str(one.epoch), one.branch, standing, str(one.seq), str(one.safe), heard)
    return grid


def _as_json(one: Enrolment) -> dict[str, object]:
    return {
        "station": one.station,
        "epoch": one.epoch,
        "branch": one.branch,
        "scope": list(one.scope),
        "status": one.status.value,
        "begins": one.begins,
        "logged": one.seq,
        "applied": one.applied,
        "safe": one.safe,
        "version": one.version,
        "elsewhere": one.elsewhere,
        "last_contact": _iso(one.contact_at),
        "road": one.road,
    }


def _elsewhere(one: Enrolment) -> str:
    return _(
        "Station {station} last called from another machine or folder than the one that was enrolled. If that was not"
        " you, revoke it: tramsach hq station revoke {station}."
    ).format(station=one.station)


def _no_station(name: str) -> str:
    return _("There is no station {station}.").format(station=name)


# --- what headquarters says -------------------------------------------------------------------------------------------


def import_titles(
    say: Answers, home: Path, files: Sequence[Path], mapping: str, branch: str | None, *, dry_run: bool
) -> None:
    """Bring in a catalogue and report on it."""
    mappings = load_mapping(mapping)
    if isinstance(mappings, Problems):
        show_problems(say, mappings)
        return
    with _office(home, "catalogue import") as office:
        found_at = _home_branch(say, office, branch)
        if found_at is None:
            return
        with (
            CentralReference(office.database, office.clock) as reference,
            progress(_("Reading the catalogue"), quiet=say.as_json) as bar,
        ):
            report = import_catalogue(
                files_there(say, files),
                reference,
                mappings,
                branch=found_at[0],
                network=found_at[1],
                dry_run=dry_run,
                progress=bar,
            )
    show_report(say, report)


def import_readers(
    say: Answers, home: Path, files: Sequence[Path], mapping: str, branch: str | None, *, dry_run: bool
) -> None:
    """Bring in readers and report on it."""
    columns = load_columns(mapping)
    if isinstance(columns, Problems):
        show_problems(say, columns)
        return
    with _office(home, "patrons import") as office:
        found_at = _home_branch(say, office, branch)
        if found_at is None:
            return
        with (
            CentralReference(office.database, office.clock) as reference,
            progress(_("Reading the readers"), quiet=say.as_json) as bar,
        ):
            report = import_patrons(
                files_there(say, files),
                reference,
                columns,
                branch=found_at[0],
                network=found_at[1],
                dry_run=dry_run,
                progress=bar,
            )
    show_report(say, report)


def import_rules(say: Answers, home: Path, folder: Path | None) -> None:
    """Put the rules of a folder in force."""
    rules = load_rules(folder or home)
    wrong = rules if isinstance(rules, Problems) else unknown_branches(rules.rules, rules.source)
    if isinstance(rules, Problems) or wrong is not None:
        show_problems(say, wrong or Problems(()))
        return
    with _office(home, "rules import") as office, CentralReference(office.database, office.clock) as reference:
        reference.write_rules(rules.version, rules.body)
    say.document({"version": rules.version, "branches": len(rules.rules.branches)})
    say.show(
        _("Rules {version} are in force: {branches} branches, {rows} policy rows, {days} holidays.").format(
            version=rules.version,
            branches=len(rules.rules.branches),
            rows=len(rules.rules.policies),
            days=len(rules.rules.holidays),
        )
    )


def announce(say: Answers, home: Path, text: str | None, until: date | None, remove: str | None) -> None:
    """Have something said on all screens, take it back, and show what is being said."""
    with _office(home, "announce") as office:
        if remove is not None and not announcements.take_back(office, remove):
            say.fail(_("There is no announcement {number}.").format(number=remove))
        if text is not None:
            announcements.announce(office, text, until)
        with office.database.read() as connection:
            told = announcements.announcements(connection)
    say.document(
        [
            {"number": one.announcement_id, "text": one.text, "until": one.until.isoformat() if one.until else None}
            for one in told
        ]
    )
    grid = table(_("Announcements"), _("Number"), _("Until"), _("Text"))
    for one in told:
        grid.add_row(one.announcement_id, day(one.until) if one.until else "–", one.text)
    say.show(grid)


def _home_branch(say: Answers, office: Office, branch: str | None) -> tuple[str, Network] | None:
    """Whose records are that name no branch, and the network."""
    rules = _rules(say, office)
    if rules is None:
        return None
    if branch is None:
        top = next((one.code for one in rules.branches if not one.parent), None)
        if top is None:
            say.fail(_("The rules name no branch."))
            return None
        return top, rules.network
    if branch not in rules.network:
        known = ", ".join(one.code for one in rules.branches)
        say.fail(_("There is no branch '{code}'. Known: {known}.").format(code=branch, known=known))
        return None
    return branch, rules.network


# --- sticks -----------------------------------------------------------------------------------------------------------


def import_bundles(say: Answers, home: Path, sticks: Sequence[Path]) -> None:
    """Take what stations have sent on sticks."""
    taken: list[bundles.TakenBundle] = []
    with _office(home, "bundle import") as office:
        for stick in sticks:
            if not stick.is_dir():
                say.fail(_("There is no folder {folder}.").format(folder=stick))
                continue
            found_here = bundles.take_bundles(office, stick)
            if not found_here:
                say.fail(_("There is no bundle of a station in {folder}.").format(folder=stick))
            taken += found_here
        Applier(office.database, office.clock).apply_all()
    say.document(
        [
            {
                "file": str(one.path),
                "station": one.station,
                "events": one.fresh,
                "answers": [each.answer.value for each in one.batches],
                "refused": one.refused.reason.value if one.refused else None,
            }
            for one in taken
        ]
    )
    for one in taken:
        if one.refused is not None:
            say.fail(f"{one.path.name}: {one.refused.phrase.say(language())}")
            continue
        say.show(
            _("{file}: station {station}, {count} new events.").format(
                file=one.path.name, station=one.station, count=one.fresh
            )
        )
        for said in dict.fromkeys(each.phrase for each in one.batches if each.answer.value in _TROUBLES):
            say.fail(f"{one.path.name}: {said.say(language())}")


_TROUBLES: Final = frozenset({"gap", "fork", "revoked", "refused", "upgrade_required"})


def export_bundles(say: Answers, home: Path, stick: Path, names: Collection[str]) -> None:
    """Write what stations are to know onto a stick."""
    if not stick.is_dir():
        say.fail(_("There is no folder {folder}.").format(folder=stick))
        return
    written = []
    with _office(home, "bundle export") as office:
        with office.database.read() as connection:
            everyone = {one.station: one for one in stations.everyone(connection)}
        for name in names:
            if name not in everyone:
                say.fail(_no_station(name))
        wanted = [one for one in everyone.values() if one.station in names or (not names and one.road == "usb")]
        with progress(_("Writing the stick"), quiet=say.as_json) as bar:
            for count, one in enumerate(wanted, start=1):
                done = bundles.give_bundle(office, stick, one)
                if done is None:
                    say.fail(_("Station {station} is no longer believed.").format(station=one.station))
                else:
                    written.append((one, done))
                bar(count, len(wanted))
    say.document([{"station": one.station, "file": str(done.path), "bytes": done.size} for one, done in written])
    if not wanted:
        say.show(_("No station uses sticks; name one with --station."))
    for one, done in written:
        say.show(_("For station {station}: {file}").format(station=one.station, file=done.path))


# --- the work-list ----------------------------------------------------------------------------------------------------


def list_exceptions(say: Answers, home: Path, branches: Collection[str] | None, limit: int) -> None:
    """Show what staff have to settle, and how each can be."""
    with _office(home, "exceptions list") as office, office.database.read() as connection:
        listed, now = open_exceptions(connection, branches=branches, limit=limit), office.clock()
        network = (rules_of(connection) or Rules()).network
    say.document([_exception_json(one, network, now) for one in listed])
    if not listed:
        say.show(_("There is nothing to settle."))
        return
    for one in listed:
        age = max(0, (now - one.exception.at) // 86_400_000)
        say.show(
            _("{branch}, {days} days: {sentence}").format(
                branch=network.name(one.owner), days=age, sentence=sentence(one.exception, network).say(language())
            )
        )
        for word, said in _ways(one, network):
            say.show(f"  {said}", _to_copy(f"tramsach hq exceptions resolve {one.exception.id} {word}"))


def resolve_exception(say: Answers, home: Path, number: str, how: str, actor: str) -> None:
    """Settle one in one of the ways offered; ``how`` is a resolution, with a loan where a reader has the copy."""
    word, _colon, loan = how.partition(":")
    if word not in {one.value for one in Resolution}:
        say.fail(_("There is no such way to settle it: {how}.").format(how=how))
        return
    with _office(home, "exceptions resolve") as office:
        with office.database.begin() as connection:
            network = (rules_of(connection) or Rules()).network
            done = settle(
                connection, number, Resolution(word), network, actor=actor, now=office.clock(), loan=loan or None
            )
        Applier(office.database, office.clock).apply_all()
    if isinstance(done, NotSettled):
        say.fail(done.phrase)
        return
    say.document({"exception": number, "resolution": word})
    say.show(done.words.say(language()))


def _ways(one: Listed, network: Network) -> list[tuple[str, str]]:
    found_ways = []
    for choice in resolutions(one.exception, network):
        loan = getattr(choice.events[-1], "loan", None)
        word = f"{choice.resolution.value}:{loan}" if loan else choice.resolution.value
        found_ways.append((word, choice.words.say(language())))
    return found_ways


def _exception_json(one: Listed, network: Network, now: int) -> dict[str, object]:
    return {
        "exception": one.exception.id,
        "kind": one.exception.kind.value,
        "owner": one.owner,
        "item": one.exception.item,
        "since": _iso(one.exception.at),
        "days": max(0, (now - one.exception.at) // 86_400_000),
        "sentence": sentence(one.exception, network).say(language()),
        "ways": [{"how": word, "sentence": said} for word, said in _ways(one, network)],
    }


# --- backups and checks -----------------------------------------------------------------------------------------------


def backup(say: Answers, home: Path) -> None:
    """Copy the database, check the copy, and count what is in it as safe."""
    keep = settings_of(home).keep_backups
    with _office(home, "backup") as office, progress(_("Copying"), quiet=say.as_json) as bar:
        done = backups.back_up(office.database, office.folder / backups.FOLDER, office.clock(), keep=keep, progress=bar)
    say.document({"file": str(done.path), "rows": done.rows, "events": done.events})
    say.show(
        _("{rows} rows are copied and checked; {events} events are safe. Keep a copy elsewhere: {file}").format(
            rows=done.rows, events=done.events, file=done.path
        )
    )


def restore(say: Answers, home: Path, file: Path) -> None:
    """Fill an empty database from a backup."""
    with progress(_("Copying"), quiet=say.as_json) as bar:
        rows = restore_from(home, file, bar)
    say.document({"rows": rows})
    say.show(_("{rows} rows are back; what stations have done since they send again by themselves.").format(rows=rows))


def verify_all(say: Answers, home: Path) -> None:
    """Check every chain, and that the projections are what the log adds up to."""
    with _office(home, "verify") as office:
        Applier(office.database, office.clock).apply_all()
        broken = backups.broken_chains(office.database)
        differing = verify(office.database)
    say.document({"broken": list(broken), "differing": list(differing)})
    for name in broken:
        say.fail(_("The chain of events of station {station} is broken.").format(station=name))
    for name in differing:
        say.fail(_("The table {name} is not what the events add up to.").format(name=name))
    if not broken and not differing:
        say.show(_("Everything follows from the events."))


def show_status(say: Answers, home: Path) -> None:
    """Say how headquarters stands, on one page."""
    count = sa.func.count()
    station, outcome = tables.station, tables.outcome
    with _office(home, "status") as office, office.database.read() as connection:
        everyone, now = stations.everyone(connection), office.clock()
        logged, applied = connection.execute(
            sa.select(
                sa.func.coalesce(sa.func.sum(station.c.seq - station.c.begins), 0),
                sa.func.coalesce(sa.func.sum(station.c.applied - station.c.begins), 0),
            )
        ).one()
        quarantined = outcome.c.outcome == Outcome.QUARANTINED.value
        document = {
            "hq": office.hq,
            "database": office.database.name,
            "stations": len(everyone),
            "silent": [one.station for one in everyone if one.active and _is_silent(one, now)],
            "elsewhere": [one.station for one in everyone if one.elsewhere],
            "events": int(logged),
            "waiting": int(logged - applied),
            "quarantined": connection.execute(sa.select(count).select_from(outcome).where(quarantined)).scalar_one(),
            "strays": connection.execute(sa.select(count).select_from(tables.stray)).scalar_one(),
            "exceptions": connection.execute(
                sa.select(count)
                .select_from(tables.staff_exception)
                .where(tables.staff_exception.c.resolution.is_(None))
            ).scalar_one(),
        }
        copies = sorted((office.folder / backups.FOLDER).glob("central-*.sqlite"))
    document["last_backup"] = copies[-1].stem.removeprefix("central-") if copies else None
    say.document(document)
    say.show(
        _("Headquarters {hq}: {stations} stations, {events} events, {waiting} of them not applied yet.").format(
            **document
        ),
        _("To settle: {exceptions} exceptions, {quarantined} events in quarantine, {strays} stray batches.").format(
            **document
        ),
        _("Last backup: {day}.").format(day=document["last_backup"] or "–"),
    )
    for one in everyone:
        if one.elsewhere:
            say.fail(_elsewhere(one))
        elif one.active and _is_silent(one, now):
            heard = _("never") if one.contact_at is None else day(local_day(from_ms(one.contact_at)))
            say.show(_("Station {station} is silent; last heard: {day}.").format(station=one.station, day=heard))


def _is_silent(one: Enrolment, now: int) -> bool:
    return one.contact_at is None or now - one.contact_at > _SILENT_AFTER // timedelta(milliseconds=1)


# --- what all of them need --------------------------------------------------------------------------------------------


@contextmanager
def _office(home: Path, command: str) -> Iterator[Office]:
    with open_office(home, command=f"tramsach hq {command}") as office:
        yield office


def _to_copy(command: str) -> Text:
    """A command line on one line, however wide the terminal is."""
    return Text(f"    {command}", no_wrap=True, overflow="ignore")


def _rules(say: Answers, office: Office) -> Rules | None:
    with office.database.read() as connection:
        rules = rules_of(connection)
    if rules is None:
        say.fail(_("Headquarters has no rules yet. Run: tramsach hq rules import."))
    return rules


def _read(say: Answers, file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError as error:
        say.fail(_("Cannot read {file}: {reason}.").format(file=file, reason=reason_of(error).say(language())))
        return None


def _iso(ms: int | None) -> str | None:
    return None if ms is None else from_ms(ms).astimezone(UTC).isoformat()
