"""Earcons: short plucked notes and knocks on wood, computed from the visual language, section 9, into small WAV files.

``python -m kiosk.screens.sound`` writes them anew into ``kiosk/screens/sounds``; the files are committed, so that a
station computes nothing at start. A plucked string is a decaying delay line (Karplus and Strong); a wood block a struck
resonance of two partials. 22 kHz, mono, 16 bit; the loudest sample of each stands at the peak the tokens name.
"""

from __future__ import annotations

import io
import math
import random
import wave
from array import array
from pathlib import Path

from kiosk.screens.theme import tokens

RATE = 22_050
SOUNDS = Path(__file__).with_name("sounds")
#: How many half tones a note's letter stands above A of the same octave number.
_HALF_TONES = {"C": -9, "D": -7, "E": -5, "F": -4, "G": -2, "A": 0, "B": 2}
#: How long a string still sounds after its last note, in seconds.
TAIL_S = 0.45


def frequency(note: str) -> float:
    """The pitch of a note such as ``G4``, in hertz; A4 is 440."""
    return 440.0 * 2.0 ** (_HALF_TONES[note[0]] / 12 + int(note[1:]) - 4)


def _pluck(pitch: float, seconds: float) -> list[float]:
    chance = random.Random(round(pitch))
    line = [chance.uniform(-1.0, 1.0) for _ in range(max(2, round(RATE / pitch)))]
    # A string of 0.9 s to silence: each pass loses so much that 60 dB are gone by then.
    keep = 10 ** (-3 / (0.9 * pitch))
    out = []
    last = 0.0
    for index in range(round(seconds * RATE)):
        at = index % len(line)
        now = line[at]
        line[at] = keep * 0.5 * (now + last)
        last = now
        out.append(now)
    return out


def _knock(pitch: float, seconds: float) -> list[float]:
    return [
        math.exp(-38 * t) * (math.sin(2 * math.pi * 3.2 * pitch * t) + 0.6 * math.sin(2 * math.pi * 5.7 * pitch * t))
        for t in (n / RATE for n in range(round(seconds * RATE)))
    ]


def _tick(seconds: float) -> list[float]:
    return [math.exp(-420 * n / RATE) * math.sin(2 * math.pi * 1900 * n / RATE) for n in range(round(seconds * RATE))]


def samples(event: str) -> array[int]:
    """An event's sound as signed 16-bit samples. Raises ``KeyError`` for an event the tokens do not name."""
    told = tokens()["sound"]
    one = told["events"][event]
    wooden = one.get("synth") == "wood block"
    lengths = [ms / 1000 for ms in one["ms"]]
    tail = 0.0 if one["notes"] == ["tick"] else 0.12 if wooden else TAIL_S
    mixed = [0.0] * round((sum(lengths) + tail) * RATE)
    begin = 0.0
    for note, length in zip(one["notes"], lengths, strict=True):
        rest = sum(lengths) + tail - begin
        if note == "tick":
            sound = _tick(length)
        else:
            sound = _knock(frequency(note), min(rest, 0.25)) if wooden else _pluck(frequency(note), rest)
        start = round(begin * RATE)
        for index, value in enumerate(sound[: len(mixed) - start]):
            mixed[start + index] += value
        begin += length
    fade = min(len(mixed), round(0.03 * RATE))
    for index in range(fade):
        mixed[-1 - index] *= index / fade
    peak = max(abs(value) for value in mixed)
    loud = 32767 * 10 ** (one.get("gain_db", told["peak_db"]) / 20)
    return array("h", (round(value / peak * loud) for value in mixed))


def as_wav(event: str) -> bytes:
    """The WAV file of an event."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples(event).tobytes())
    return file.getvalue()


def sound_file(event: str) -> Path:
    """Where the sound of an event lies."""
    return SOUNDS / f"{event}.wav"


def main() -> None:
    """Write every sound anew."""
    SOUNDS.mkdir(exist_ok=True)
    for event in tokens()["sound"]["events"]:
        sound_file(event).write_bytes(as_wav(event))


if __name__ == "__main__":
    main()
