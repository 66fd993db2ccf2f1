"""Earcons: what is committed is what the script makes, and it is as loud and as long as the visual language says."""

import io
import wave
from array import array

import pytest

from kiosk.screens.sound import RATE, as_wav, frequency, samples, sound_file
from kiosk.screens.theme import tokens

EVENTS = tokens()["sound"]["events"]


@pytest.mark.parametrize("event", EVENTS)
def test_the_committed_sound_is_what_the_script_makes(event: str) -> None:
    with wave.open(io.BytesIO(sound_file(event).read_bytes())) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        kept = array("h", file.readframes(file.getnframes()))
    made = samples(event)
    assert len(kept) == len(made)
    # The last digit of a sine may differ between machines.
    assert max(abs(one - other) for one, other in zip(kept, made, strict=True)) <= 2


@pytest.mark.parametrize("event", EVENTS)
def test_a_sound_peaks_where_the_tokens_say_and_ends_in_silence(event: str) -> None:
    made = samples(event)
    decibel = EVENTS[event].get("gain_db", tokens()["sound"]["peak_db"])
    assert max(abs(value) for value in made) == pytest.approx(32767 * 10 ** (decibel / 20), abs=1)
    assert abs(made[-1]) < 20
    assert len(made) / RATE >= sum(EVENTS[event]["ms"]) / 1000 - 0.001


def test_no_file_lies_there_for_an_event_that_is_no_more() -> None:
    assert {path.stem for path in sound_file("key").parent.glob("*.wav")} == set(EVENTS)
    assert as_wav("key").startswith(b"RIFF")


def test_notes_are_tuned_to_a_at_440() -> None:
    assert frequency("A4") == 440
    assert frequency("C5") == pytest.approx(523.25, abs=0.01)
    assert frequency("G4") == pytest.approx(392.0, abs=0.01)
