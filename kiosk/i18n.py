"""The words of commands and screens, through gettext: English source texts, Vietnamese first at run time.

One process speaks one language at a time, so the translation in use is the process's own, set once by
:func:`speak`. What belongs to one visit, like its receipt, asks for the :func:`words` of the visit's language instead:
``_ = words(facts.language)``. Sentences of rules and settings are not here: they carry both languages themselves
(:class:`config.phrase.Phrase`) and are said with :func:`language`.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Callable, Mapping
from pathlib import Path

LANGUAGES = ("vi", "en")
DOMAIN = "tramsach"
LOCALE = Path(__file__).with_name("locale")

_state: dict[str, object] = {"language": "en", "words": gettext.NullTranslations()}


def _translations(language: str) -> gettext.NullTranslations:
    return gettext.NullTranslations() if language == "en" else gettext.translation(DOMAIN, LOCALE, [language])


def words(language: str) -> Callable[[str], str]:
    """What turns source texts into a language, ``vi`` or ``en``, whatever this process speaks.

    Raises ``OSError`` if the language is not shipped. The file of translations is read once.
    """
    return _translations(language).gettext


def speak(language: str) -> None:
    """Set the language of this process, ``vi`` or ``en``. Raises ``OSError`` if it is not shipped."""
    _state.update(language=language, words=_translations(language))
    # Libraries that speak through gettext's one global domain, such as the command line's, then speak it too.
    os.environ["LANGUAGE"] = language
    gettext.bindtextdomain(DOMAIN, LOCALE)
    gettext.textdomain(DOMAIN)


def language() -> str:
    """The language this process speaks."""
    return str(_state["language"])


def _(message: str) -> str:
    """A source text in the language of this process."""
    translations = _state["words"]
    return translations.gettext(message) if isinstance(translations, gettext.NullTranslations) else message


def language_of(environment: Mapping[str, str]) -> str:
    """The language of a terminal's locale (``LC_ALL``, ``LC_MESSAGES``, ``LANG``): English or Vietnamese.

    Vietnamese when the locale names neither, as on a station whose locale nobody has set (``C.UTF-8``).
    """
    named = next((value for key in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environment.get(key))), "")
    return "en" if named.lower().startswith("en") else "vi"
