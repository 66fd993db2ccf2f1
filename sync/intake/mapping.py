"""Where the copies stand in a catalogue record, as data.

Every library system writes its copies in its own way, so a mapping says which field holds one copy and which subfield
says what. The named mappings are files of ``config/mappings``; a library with habits of its own writes such a file for
itself. ``auto`` takes, for each file, the named mapping by which its first records have the most barcodes.

Codes of branches and item types are other systems' codes. ``branches`` and ``types`` translate them; a branch that is
not translated is taken as it is, a type that is not translated becomes ``default_type``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import config
from config.loader import Problem, Problems, build, read_toml
from config.phrase import Phrase
from config.values import Pattern
from sync.intake.marc import MarcRecord

AUTO = "auto"

_TAG = Pattern(
    "[0-9]{3}", Phrase("Cần nhãn trường ba chữ số, ví dụ 952.", "This must be a tag of three digits, such as 952.")
)
_CODES = Pattern(
    "[0-9a-z]*",
    Phrase("Cần mã trường con, ví dụ p hoặc ab.", "This must be subfield codes, such as p or ab."),
)
_SUBFIELDS = Pattern(
    "([0-9]{3}[0-9a-z])?",
    Phrase("Cần nhãn trường và mã trường con, ví dụ 942c.", "This must be a tag and a subfield code, such as 942c."),
)

_SHIPPED = Path(config.__file__).with_name("mappings")
#: ``auto`` looks for them in this order.
_NAMES = ("koha", "949", "852")


@dataclass(frozen=True, slots=True)
class HoldingsMapping:
    """Which field is a copy, and which of its subfields says what.

    ``tag`` is the field. Where several codes are given, the first that is filled counts; those of ``location`` and
    ``call_number`` are put one after the other. An empty string means that the records do not say.

    ``barcode``         the item's number, as it is scanned.
    ``branch``          the item's home; without one it is at home in ``default_branch``, or where the import runs.
    ``item_type``       of the copy; ``title_type`` (tag and code) where the copy has none.
    ``price``           what a lost copy costs.
    ``parts``           of how many parts the item is made. Only this subfield is asked: "with CD" in a note is prose.
    ``withdrawn``, ``lost``, ``damaged``, ``not_for_loan``  marks: anything there but ``0`` means yes. What is not for
                        loan becomes ``not_for_loan_type``, an item type for which the rules set no ``take_home``.
    ``sequence_number`` where the exporter numbers its records, if it is not in 001 (tag and code). A valid ISBN there
                        is no such number.
    ``origin``          whose numbers these are, where the records do not say it in 003. Two libraries that both count
                        from 1 need it.
    """

    tag: Annotated[str, _TAG]
    barcode: Annotated[str, _CODES]
    branch: Annotated[str, _CODES] = ""
    location: Annotated[str, _CODES] = ""
    call_number: Annotated[str, _CODES] = ""
    item_type: Annotated[str, _CODES] = ""
    title_type: Annotated[str, _SUBFIELDS] = ""
    price: Annotated[str, _CODES] = ""
    parts: Annotated[str, _CODES] = ""
    withdrawn: Annotated[str, _CODES] = ""
    lost: Annotated[str, _CODES] = ""
    damaged: Annotated[str, _CODES] = ""
    not_for_loan: Annotated[str, _CODES] = ""
    not_for_loan_type: str = "reference"
    sequence_number: Annotated[str, _SUBFIELDS] = "020a"
    origin: str = ""
    default_branch: str = ""
    default_type: str = "book"
    branches: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    types: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Mappings:
    """The mappings an import may choose from, by what it finds; one mapping leaves no choice."""

    choices: tuple[HoldingsMapping, ...]

    def choose(self, records: Iterable[MarcRecord]) -> HoldingsMapping:
        """The mapping by which these records have the most barcodes; the first of equals."""
        sample = list(records)
        return max(self.choices, key=lambda mapping: _barcodes(mapping, sample))


def _barcodes(mapping: HoldingsMapping, records: Iterable[MarcRecord]) -> int:
    return sum(bool(copy.first(mapping.barcode)) for record in records for copy in record.all(mapping.tag))


def load_mapping(name: str = AUTO) -> Mappings | Problems:
    """``auto``, a mapping that ships with the product by its name, or a file by its path; or all its mistakes."""
    if name == AUTO:
        return _all_of(*(_SHIPPED / f"{shipped}.toml" for shipped in _NAMES))
    if name in _NAMES:
        return _all_of(_SHIPPED / f"{name}.toml")
    if not name.endswith(".toml"):
        known = ", ".join((AUTO, *_NAMES))
        sentence = Phrase(
            f"Không có ánh xạ tên này. Có sẵn: {known}; hoặc đường dẫn tới một tệp .toml.",
            f"There is no mapping of this name. There are: {known}; or the path of a .toml file.",
        )
        return Problems((Problem("", sentence, name),))
    return _all_of(Path(name))


def _all_of(*paths: Path) -> Mappings | Problems:
    found: list[HoldingsMapping] = []
    for path in paths:
        settings = read_toml(path)
        if isinstance(settings, Problems):
            return settings
        built = build(HoldingsMapping, settings, path.name)
        if isinstance(built, Problems):
            return built
        found.append(built.value)
    return Mappings(tuple(found))
