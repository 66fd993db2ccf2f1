"""A sentence for people, in both languages at once.

Sentences that belong to a rule or to a setting travel with it as values, so that a kiosk, a terminal, a SIP2 answer and
headquarters all say the same words. The words of screens and commands go through gettext instead (``kiosk/i18n.py``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrase:
    """The same sentence in Vietnamese and in English, NFC, ending in its own full stop."""

    vi: str
    en: str

    def fill(self, **values: object) -> Phrase:
        """This phrase with its ``{names}`` filled in; a value that is a phrase is filled in language by language."""
        return Phrase(
            self.vi.format(**{key: v.vi if isinstance(v, Phrase) else v for key, v in values.items()}),
            self.en.format(**{key: v.en if isinstance(v, Phrase) else v for key, v in values.items()}),
        )

    def say(self, lang: str) -> str:
        """The sentence in a language: English for ``en``, Vietnamese for everything else."""
        return self.en if lang == "en" else self.vi


class SettingError(ValueError):
    """A value that its type cannot accept, with the sentence for whoever set it. Raised by settings' own checks."""

    def __init__(self, phrase: Phrase) -> None:
        super().__init__(phrase.en)
        self.phrase = phrase


class ExplainedError(Exception):
    """Something that a person must be told of and can do something about, in sentences of its own.

    The one kind of exception that is shown as it is; each room derives its own family from it.
    """

    def __init__(self, *phrases: Phrase) -> None:
        super().__init__(" ".join(phrase.en for phrase in phrases))
        self.phrases = phrases
