"""All targets, by name."""

from __future__ import annotations

from typing import Final

from tests.fuzz import exchange, files, tags, wires
from tests.fuzz.target import Target

TARGETS: Final[dict[str, Target]] = {
    target.name: target for target in (*wires.TARGETS, *tags.TARGETS, *exchange.TARGETS, *files.TARGETS)
}
