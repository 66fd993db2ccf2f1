"""The site tree: branches of any depth and any kind, and whose item or card a number is.

Nothing here knows of provinces, districts or communes: the district level of the network has been abolished once
already (facts/network.md, section 4), so a branch's kind is a word for people and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from config.phrase import Phrase, SettingError


@dataclass(frozen=True, slots=True)
class Branch:
    """A node of the site tree; ``parent`` is empty at the root.

    ``isil`` is the owner institution of its tags (ISO 15511). ``item_prefixes`` and ``patron_prefixes`` are the
    beginnings of the numbers it gives out, so that a stranger's item can be named as another library's.
    """

    code: str
    name: str
    parent: str = ""
    kind: str = ""
    isil: str = ""
    item_prefixes: tuple[str, ...] = ()
    patron_prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """All branches. Raises ``SettingError`` on a double code, an unknown parent or a cycle: a tree is a tree."""

    branches: tuple[Branch, ...]
    _by_code: dict[str, Branch] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_code: dict[str, Branch] = {}
        for branch in self.branches:
            if not branch.code:
                raise SettingError(
                    Phrase(f"Đơn vị '{branch.name}' chưa có mã.", f"The branch '{branch.name}' has no code.")
                )
            if branch.code in by_code:
                raise SettingError(
                    Phrase(
                        f"Mã đơn vị '{branch.code}' bị dùng hai lần.",
                        f"The code '{branch.code}' is used twice.",
                    )
                )
            by_code[branch.code] = branch
        object.__setattr__(self, "_by_code", by_code)
        for branch in self.branches:
            seen = {branch.code}
            above = branch.parent
            while above:
                if above in seen:
                    raise SettingError(
                        Phrase(
                            f"Đơn vị '{branch.code}' nằm dưới chính nó.",
                            f"The branch '{branch.code}' stands below itself.",
                        )
                    )
                if above not in by_code:
                    raise SettingError(
                        Phrase(
                            f"Đơn vị '{branch.code}' nằm dưới '{above}', là mã không có.",
                            f"The branch '{branch.code}' stands below '{above}', which does not exist.",
                        )
                    )
                seen.add(above)
                above = by_code[above].parent

    def __contains__(self, code: str) -> bool:
        return code in self._by_code

    def get(self, code: str) -> Branch | None:
        """The branch of a code, ``None`` when the tree has none."""
        return self._by_code.get(code)

    def name(self, code: str) -> str:
        """A branch's name for people; the bare code when the tree does not know it."""
        branch = self._by_code.get(code)
        return branch.name if branch else code

    def lineage(self, code: str) -> Iterator[str]:
        """The codes from a branch up to its root, nearest first; nothing for an unknown code."""
        branch = self._by_code.get(code)
        while branch is not None:
            yield branch.code
            branch = self._by_code.get(branch.parent)

    def home_of_item(self, item_id: str) -> Branch | None:
        """The branch that gives out this item number, by the longest prefix; ``None`` when none matches."""
        return self._owner(item_id, lambda branch: branch.item_prefixes)

    def home_of_patron(self, number: str) -> Branch | None:
        """The branch that gives out this card number, by the longest prefix; ``None`` when none matches."""
        return self._owner(number, lambda branch: branch.patron_prefixes)

    def by_isil(self, isil: str) -> Branch | None:
        """The branch that is the owner institution of a tag."""
        return next((branch for branch in self.branches if isil and branch.isil == isil), None)

    def _owner(self, number: str, prefixes: Callable[[Branch], tuple[str, ...]]) -> Branch | None:
        matches = [
            (len(prefix), branch)
            for branch in self.branches
            for prefix in prefixes(branch)
            if prefix and number.startswith(prefix)
        ]
        return max(matches, key=lambda match: match[0])[1] if matches else None
