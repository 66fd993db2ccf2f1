"""Writing Vietnamese with a finger: keys go in, a line of text with a caret comes out. Pure, and knows no screen.

``syllables`` knows what a Vietnamese syllable is and where its tone stands; ``composition`` reads the keys of one word
by Telex, by VNI or as they are; ``line`` is the whole line with caret, capitals and delete. A flow keeps a
:class:`kiosk.typing.line.Line`, hands it each stroke and shows it in a :class:`kiosk.views.TypingView`.

Words: a *key* is one character that was pressed, a *stroke* a key or one of the named acts (delete, shift …), a *form*
a syllable without its tone, a *mark* what makes â ê ô, ơ ư, ă and đ, a *tone* one of the five over or under a vowel.
Laws: marks are never forced; what cannot be Vietnamese stays as typed; what comes out is NFC.
Source: facts/vietnamese-and-screens.md, section 5.
"""
