"""Letters: which font has which, where lines break, and where a text is cut.

The typeface has Vietnamese and Latin and little else, while titles of a library come in any script. So a text is cut
into runs, each in the first font of a chain that has its letters: Be Vietnam Pro, then a font of the system with Han,
kana and hangul (Debian's ``fonts-wqy-microhei``: one small package that has all three and most symbols), then the
DejaVu Sans that comes with Kivy. A letter that no font has is shown as a question mark, never as an empty box: a
station without the system's font still works and shows what it lacks.

Everything here is pure arithmetic on what a measure says; :mod:`kiosk.screens.paint` brings the measure.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FONTS = Path(__file__).with_name("fonts")
GLYPHS = FONTS / "MaterialDesignIcons-subset.ttf"
#: Fonts with Han, kana and hangul, where operating systems keep them; the first one there is taken.
SYSTEM_FALLBACKS = (
    Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),  # Debian: fonts-wqy-microhei
    Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"),  # Debian: fonts-noto-cjk
    Path("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"),  # Debian: fonts-droid-fallback; no hangul
    Path("C:/Windows/Fonts/msyh.ttc"),
    Path("C:/Windows/Fonts/malgun.ttf"),
)
ELLIPSIS = "…"
UNKNOWN = "?"

#: Vietnamese words of two syllables that these screens say often; a line does not end between them.
KEPT_TOGETHER = frozenset(
    tuple(pair.split())
    for pair in (
        "thủ thư", "thư viện", "bạn đọc", "mặt đọc", "đầu đọc", "hạn trả", "gia hạn", "quá hạn", "tài liệu", "biên lai",
        "hoàn thành", "kết thúc", "thùng trả", "đặt mượn", "vui lòng", "liên hệ", "trang đầu", "lần thử", "thanh toán",
        "ngày sinh", "nhan đề", "màn hình", "thời gian",
    )
)  # fmt: skip

Measure = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which letters a font file has: half-open ranges of code points, as their starts and ends."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def __contains__(self, letter: str) -> bool:
        code = ord(letter)
        at = bisect_right(self.starts, code) - 1
        return at >= 0 and code < self.ends[at]


@dataclass(frozen=True, slots=True)
class Face:
    """A font file with what matters for setting its letters on one line with others; ``descent`` in em, positive."""

    path: Path
    coverage: Coverage
    descent: float


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text that one font can set."""

    text: str
    face: Face


def _table(font: bytes, offset: int, tag: bytes) -> int:
    """Where a table of the font begins. Raises ``ValueError`` if it has none."""
    (count,) = struct.unpack_from(">H", font, offset + 4)
    for n in range(count):
        name, _sum, start, _length = struct.unpack_from(">4sIII", font, offset + 12 + 16 * n)
        if name == tag:
            return int(start)
    raise ValueError(f"the font has no table {tag!r}")


def _ranges(font: bytes, cmap: int) -> Iterator[tuple[int, int]]:
    """Half-open ranges of code points of the widest Unicode map (formats 4 and 12)."""
    (count,) = struct.unpack_from(">H", font, cmap + 2)
    found: dict[int, int] = {}
    for n in range(count):
        platform, encoding, start = struct.unpack_from(">HHI", font, cmap + 4 + 8 * n)
        (form,) = struct.unpack_from(">H", font, cmap + start)
        if (platform == 0 or (platform, encoding) in ((3, 1), (3, 10))) and form in (4, 12):
            found[form] = cmap + start
    if 12 in found:
        at = found[12]
        (groups,) = struct.unpack_from(">I", font, at + 12)
        for n in range(groups):
            first, last, _glyph = struct.unpack_from(">III", font, at + 16 + 12 * n)
            yield first, last + 1
    elif 4 in found:
        at = found[4]
        (twice,) = struct.unpack_from(">H", font, at + 6)
        half = twice // 2
        ends = struct.unpack_from(f">{half}H", font, at + 14)
        starts = struct.unpack_from(f">{half}H", font, at + 16 + twice)
        yield from ((first, last + 1) for first, last in zip(starts, ends, strict=True) if first != 0xFFFF)


@cache
def face(path: Path) -> Face:
    """Read a font's coverage and descent (OpenType ``cmap``, ``hhea``). Raises ``OSError`` or ``ValueError``."""
    font = path.read_bytes()
    offset = struct.unpack_from(">I", font, 12)[0] if font[:4] == b"ttcf" else 0
    ranges = sorted(_ranges(font, _table(font, offset, b"cmap")))
    (units,) = struct.unpack_from(">H", font, _table(font, offset, b"head") + 18)
    (descent,) = struct.unpack_from(">h", font, _table(font, offset, b"hhea") + 6)
    coverage = Coverage(tuple(first for first, _end in ranges), tuple(end for _first, end in ranges))
    return Face(path, coverage, -descent / units)


def system_fallback(candidates: Sequence[Path] = SYSTEM_FALLBACKS) -> Path | None:
    """The first font with Han letters that this machine has, if any."""
    return next((path for path in candidates if path.is_file()), None)


def is_plain(text: str) -> bool:
    """Whether a text holds nothing but Latin letters and signs, which the typeface is known to have."""
    return text.isascii()


def runs(text: str, chain: Sequence[Face]) -> list[Run]:
    """Cut a text into stretches by the first font of the chain that has the letter.

    Spaces stay with the run before them. Text is composed (NFC) first, because the typeface has composed letters
    only. A letter no font has becomes a question mark, a control character a space.
    """
    found: list[tuple[list[str], Face]] = []
    for raw in unicodedata.normalize("NFC", text):
        letter = " " if unicodedata.category(raw) == "Cc" else raw
        if unicodedata.category(letter) == "Cf":
            continue
        if letter.isspace() and found:
            found[-1][0].append(letter)
            continue
        chosen = next((one for one in chain if letter in one.coverage), None)
        if chosen is None:
            chosen, letter = chain[0], UNKNOWN
        if found and found[-1][1] is chosen:
            found[-1][0].append(letter)
        else:
            found.append(([letter], chosen))
    return [Run("".join(letters), one) for letters, one in found]


def _is_wide(letter: str) -> bool:
    """Whether a line may break beside this letter although there is no space: Han, kana, hangul."""
    return unicodedata.east_asian_width(letter) in ("W", "F")


def words(text: str) -> list[str]:
    """The pieces between which a line may break, each with the space that follows it."""
    pieces: list[str] = []
    for letter in re.sub(r"[^\S\u00a0]+", " ", text).strip():
        breaks = not pieces or pieces[-1].endswith(" ") or (_is_wide(letter) and _is_wide(pieces[-1][-1]))
        if breaks and letter != " ":
            pieces.append(letter)
        elif pieces and not (letter == " " and pieces[-1].endswith(" ")):
            pieces[-1] += letter
    together: list[str] = []
    for piece in pieces:
        if together and (together[-1].strip().lower(), piece.strip(" .,:;!?…").lower()) in KEPT_TOGETHER:
            together[-1] += piece
        else:
            together.append(piece)
    return together


def _greedy(pieces: Sequence[str], width: float, measure: Measure) -> list[list[str]]:
    lines: list[list[str]] = [[]]
    for piece in pieces:
        if lines[-1] and measure("".join([*lines[-1], piece]).rstrip()) > width:
            lines.append([])
        lines[-1].append(piece)
    return lines


def _cut(pieces: Sequence[str], width: float, measure: Measure) -> str:
    """As many whole words as fit with an ellipsis; letters of the first word only if it alone is too wide."""
    for count in range(len(pieces), 0, -1):
        text = "".join(pieces[:count]).rstrip().rstrip(" ,;:.-–/=(") + ELLIPSIS
        if measure(text) <= width:
            return text
    letters = pieces[0].rstrip() if pieces else ""
    while letters and measure(letters + ELLIPSIS) > width:
        letters = letters[:-1]
    return letters + ELLIPSIS


def break_lines(text: str, width: float, measure: Measure, most: int = 1, *, even: bool = True) -> list[str]:
    """A text in at most so many lines of at most this width, about equally long; what is left over is cut at a word.

    A single word wider than the line is the one thing cut inside, because there is no other way.
    """
    text = unicodedata.normalize("NFC", text)
    if "\n" in text:
        parts = [part for part in text.split("\n") if part.strip()]
        return [line for part in parts for line in break_lines(part, width, measure, max(1, most // len(parts)))]
    pieces = words(text)
    if not pieces:
        return []
    lines = _greedy(pieces, width, measure)
    if len(lines) > most:
        kept = ["".join(line).rstrip() for line in lines[: most - 1]]
        done = sum(len(line) for line in lines[: most - 1])
        return [*(_fit(line, width, measure) for line in kept), _cut(pieces[done:], width, measure)]
    if even and len(lines) > 1:
        narrow, wide = max(measure(piece.rstrip()) for piece in pieces), width
        for _ in range(12):
            middle = (narrow + wide) / 2
            if len(_greedy(pieces, middle, measure)) > len(lines):
                narrow = middle
            else:
                wide = middle
        lines = _greedy(pieces, wide, measure)
    return [_fit("".join(line).rstrip(), width, measure) for line in lines]


def _fit(line: str, width: float, measure: Measure) -> str:
    return line if measure(line) <= width else _cut([line], width, measure)
