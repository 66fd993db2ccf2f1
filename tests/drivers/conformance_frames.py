"""What every codec of frames must do with bytes as they come: whole, in pieces, damaged, and among rubbish.

A test class gives its decoder, frames that were published for its make in both directions, and bytes that are none.
"""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import given
from hypothesis import strategies as st

from drivers.codec import NOT_YET, Command, FrameDecoder


def feed(decoder: FrameDecoder, *pieces: bytes, silence: bool = False) -> list[bytes]:
    """The frames that are found in these pieces, perhaps with silence behind them."""
    frames = []
    for piece in pieces:
        decoder.receive(piece)
        while (frame := decoder.next_frame()) is not NOT_YET:
            frames.append(frame)
    if silence:
        decoder.silence()
        while (frame := decoder.next_frame()) is not NOT_YET:
            frames.append(frame)
    return frames


class FramesConformance:
    """``FRAMES`` in hexadecimal, by name; ``RUBBISH`` that is no frame; ``MODEL`` is the make's name in the vectors."""

    DECODER: ClassVar[type[FrameDecoder]]
    FRAMES: ClassVar[dict[str, str]]
    RUBBISH: ClassVar[Sequence[str]]
    MODEL: ClassVar[str]

    @staticmethod
    def rebuilt(frame: bytes) -> bytes:
        """The frame, taken apart and put together again."""
        raise NotImplementedError

    def all_frames(self) -> list[bytes]:
        return [bytes.fromhex(frame) for frame in self.FRAMES.values()]

    def test_every_published_vector_is_among_the_frames(self, shared_data: Path) -> None:
        published = json.loads((shared_data.parent / "facts" / "rfid_vectors.json").read_text("utf-8"))
        vectors = {vector["hex"].upper() for vector in published if vector["model"] == self.MODEL}
        assert vectors
        assert vectors <= set(self.FRAMES.values())

    def test_a_frame_is_taken_apart_and_put_together_again(self) -> None:
        for frame in self.all_frames():
            assert self.rebuilt(frame) == frame

    def test_a_whole_frame_is_found(self) -> None:
        for frame in self.all_frames():
            decoder = self.DECODER()
            assert feed(decoder, frame) == [frame]
            assert decoder.skipped == 0
            assert not decoder.pending

    def test_a_frame_is_found_byte_by_byte_and_not_before_its_last(self) -> None:
        for frame in self.all_frames():
            decoder = self.DECODER()
            for at in range(len(frame) - 1):
                assert feed(decoder, frame[at : at + 1]) == []
            assert feed(decoder, frame[-1:]) == [frame]

    def test_two_frames_that_come_as_one_are_two(self) -> None:
        for frame, other in pairwise(self.all_frames()):
            assert feed(self.DECODER(), frame + other) == [frame, other]

    def test_a_frame_is_found_behind_rubbish(self) -> None:
        for frame in self.all_frames():
            for before in map(bytes.fromhex, self.RUBBISH):
                decoder = self.DECODER()
                assert feed(decoder, before + frame, silence=True) == [frame]
                assert decoder.skipped == len(before)

    def test_a_frame_is_found_byte_by_byte_behind_rubbish(self) -> None:
        for frame in self.all_frames():
            for before in map(bytes.fromhex, self.RUBBISH):
                pieces = [bytes((byte,)) for byte in before + frame]
                assert feed(self.DECODER(), *pieces, silence=True) == [frame]

    def test_a_frame_is_found_before_rubbish_and_the_next_one_after_it(self) -> None:
        for frame in self.all_frames():
            for behind in map(bytes.fromhex, self.RUBBISH):
                decoder = self.DECODER()
                assert feed(decoder, frame, behind + frame, silence=True) == [frame, frame]
                assert decoder.skipped == len(behind)

    def test_a_damaged_frame_is_none(self) -> None:
        for frame in self.all_frames():
            for at in range(len(frame)):
                damaged = frame[:at] + bytes((frame[at] ^ 0x40,)) + frame[at + 1 :]
                assert frame not in feed(self.DECODER(), damaged, silence=True)

    def test_silence_ends_half_a_frame_but_not_the_next_one(self) -> None:
        for frame in self.all_frames():
            decoder = self.DECODER()
            assert feed(decoder, frame[:-1], silence=True) == []
            assert not decoder.pending
            assert feed(decoder, frame) == [frame]

    # The inner functions are made anew for each heir, because Hypothesis wants one function to have one owner.

    def test_any_bytes_end_as_frames_or_rubbish(self) -> None:
        @given(st.lists(st.binary(max_size=80) | st.sampled_from(self.all_frames()), max_size=6))
        def holds(pieces: list[bytes]) -> None:
            decoder = self.DECODER()
            frames = feed(decoder, *pieces, silence=True)
            assert decoder.skipped + sum(map(len, frames)) == sum(map(len, pieces))
            assert not decoder.pending

        holds()

    def test_it_does_not_matter_how_bytes_are_cut(self) -> None:
        @given(
            st.lists(st.binary(max_size=40) | st.sampled_from(self.all_frames()), max_size=5),
            st.lists(st.integers(0, 400), max_size=8),
        )
        def holds(sent: list[bytes], cuts: list[int]) -> None:
            stream = b"".join(sent)
            edges = [0, *sorted(cut for cut in cuts if cut <= len(stream)), len(stream)]
            pieces = [stream[a:b] for a, b in pairwise(edges)]
            assert feed(self.DECODER(), *pieces) == feed(self.DECODER(), stream)

        holds()

    def test_rubbish_in_between_costs_no_frame_that_follows_a_silence(self) -> None:
        @given(st.lists(st.sampled_from(self.all_frames()), max_size=5), st.binary(max_size=40))
        def holds(sent: list[bytes], rubbish: bytes) -> None:
            decoder = self.DECODER()
            for frame in sent:
                feed(decoder, rubbish, silence=True)
                assert feed(decoder, frame, silence=True) == [frame]

        holds()


def carry_out(command: Command[Any], *replies: str) -> tuple[list[str], Any]:
    """Runs a command against these replies; returns what it sent and its result."""
    sent: list[bytes] = []
    try:
        question = next(command)
        for reply in replies:
            sent.append(question)
            question = command.send(bytes.fromhex(reply))
    except StopIteration as done:
        return [frame.hex().upper() for frame in sent], done.value
    raise AssertionError(f"wants more after {sent}")
