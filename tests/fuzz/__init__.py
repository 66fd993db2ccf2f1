"""Parsers under fire: whatever bytes come in, a parser answers with a value or refuses in the way it promises.

``make fuzz`` gives a million inputs to all of them, ``make test`` a few hundred to each. A *target*
(:mod:`tests.fuzz.target`) is a named function that takes one input and raises when a promise is broken: an exception
that is not the parser's documented refusal, a property that does not hold (decoding what was encoded, bytes one by one
as bytes at once, a frame behind garbage), or a limit that is passed (:mod:`tests.fuzz.watch`).

Inputs are guided: those that reach something new in the code are kept, and changed further. Where atheris is installed
it does this (libFuzzer, by branches and comparisons of the instrumented bytecode); everywhere else, and in ``make
test``, :mod:`tests.fuzz.mutation` does, by lines. Seeds are made by the product's own encoders when a run begins, so
that they never grow old. What once broke a parser stands in ``corpus/TARGET/`` and is tried first, for ever.
"""
