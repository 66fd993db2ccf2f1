"""A short run over all parsers, and whether the fuzzer itself would notice."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz import __main__ as program
from tests.fuzz import mutation, watch
from tests.fuzz.mutation import Lines, fuzz, words_of
from tests.fuzz.target import CORPUS, Draw, Target
from tests.fuzz.targets import TARGETS
from tests.fuzz.watch import Defect, TooMuch, Watch

#: Inputs for each of a target's shares: so few that all together take some seconds.
_INPUTS = 20


def _watched(target: Target, folder: Path, *inputs: bytes) -> list[Defect]:
    """What breaks under these inputs."""
    defects: list[Defect] = []
    one = Watch(target, folder, defects.append)
    with one.on():
        for data in inputs:
            one.feed(data)
    return defects


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_of_a_short_run_breaks_a_parser(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    defects: list[Defect] = []
    one = Watch(target, tmp_path, defects.append)
    with one.on():
        lines = fuzz(target, one.feed, inputs=len(target.beginnings()) + _INPUTS * target.share, seed=0)
    assert not defects, "\n".join(defect.say() for defect in defects)
    assert lines


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_once_broke_a_parser_breaks_it_no_more(path: Path, tmp_path: Path) -> None:
    defects = _watched(TARGETS[path.parent.name], tmp_path, path.read_bytes())
    assert not defects, defects[0].say()


def test_seeds_reach_what_an_input_of_nothing_does_not() -> None:
    seeded = [target for target in TARGETS.values() if [*target.seeds()]]
    assert [target.name for target in seeded if not _gain(target)] == ["bundle-file-name"]  # which is one line


def _gain(target: Target) -> int:
    lines = Lines(target.modules)
    lines.look(target.feed, b"")
    before = lines.count
    for data in target.seeds():
        lines.look(target.feed, data)
    return lines.count - before


# --- the fuzzer itself ------------------------------------------------------------------------------------------------


def _picky(data: bytes) -> None:
    """Breaks for one beginning among sixteen million, found a byte at a time."""
    if data[:1] != b"T":
        return
    if data[1:2] != b"N":
        return
    if data[2:3] == b"\xff":
        raise ValueError("found")


def _target(feed: Callable[[bytes], None]) -> Target:
    return Target("of-tests", feed, (sys.modules[__name__],), longest=8)


def test_inputs_that_get_further_are_changed_further_until_they_break_it(tmp_path: Path) -> None:
    defects: list[Defect] = []
    one = Watch(_target(_picky), tmp_path, defects.append)
    fuzz(_target(_picky), one.feed, inputs=20_000, seed=3)
    (defect,) = defects
    assert defect.path.read_bytes()[:3] == b"TN\xff"
    assert "found" in defect.say()
    assert f"python -m tests.fuzz of-tests {defect.path}" in defect.say()


def test_the_same_seed_gives_the_same_inputs_and_another_gives_others() -> None:
    def inputs(seed: int) -> list[bytes]:
        seen: list[bytes] = []
        fuzz(_target(seen.append), seen.append, inputs=200, seed=seed)
        return seen

    assert inputs(1) == inputs(1) != inputs(2)
    assert max(map(len, inputs(1))) <= 8


def test_the_same_defect_is_told_once_and_another_by_itself(tmp_path: Path) -> None:
    def feed(data: bytes) -> None:
        if data == b"a":
            raise ValueError
        raise KeyError(data)

    found = _watched(_target(feed), tmp_path, b"a", b"b", b"a", b"c")
    assert [defect.path.read_bytes() for defect in found] == [b"a", b"b"]


def test_an_input_that_takes_for_ever_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SECONDS", 0.05)

    def feed(_data: bytes) -> None:
        while True:
            try:
                random.random()
            except Exception:  # noqa: BLE001, S112 - a parser that catches everything hangs all the same
                continue

    (defect,) = _watched(_target(feed), tmp_path, b"x")
    assert defect.what.startswith("TooSlow")


def test_an_input_that_takes_too_much_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = iter([100 << 20, 300 << 20])
    monkeypatch.setattr(watch, "_peak", lambda: next(peaks))
    (defect,) = _watched(_target(lambda _data: None), tmp_path, b"x")
    assert defect.what.startswith(TooMuch.__name__)


def test_arguments_are_drawn_until_nothing_is_left() -> None:
    draw = Draw(b"\x05\x02abcde")
    assert (draw.byte(), draw.piece(), bool(draw), draw.take(2), draw.rest()) == (5, b"ab", True, b"cd", b"e")
    assert (draw.byte(), draw.piece(), bool(draw), draw.choice("x", "y")) == (0, b"", False, "x")


def test_words_are_the_constants_of_a_module() -> None:
    words = words_of((mutation,))
    assert b"line" in words
    assert all(words)


def test_one_input_is_fed_again_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"079203001234|")
    assert program.main(["citizen-card", str(path)]) == 0
    assert "as it should" in capsys.readouterr().out


def test_a_run_is_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        program.main(["--target", "citizen-card", "--inputs", "50", "--engine", "own", "--found", str(tmp_path)]) == 0
    )
    out = capsys.readouterr().out
    assert "all 1 targets held" in out
    assert "citizen-card" in out


def test_a_target_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["--target", "nobody"])
    assert "nobody" in capsys.readouterr().err
