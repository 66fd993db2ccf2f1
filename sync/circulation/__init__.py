"""The rules of lending: what may happen, and what did. Pure: standard library only, no I/O; ``now`` is an argument.

Words: a *patron* borrows an *item*, which is one copy (or one set of parts) of a *title*. A *loan* is known by its
random token, so that nothing in an event names the patron. A *branch* is a node of the site tree. A *block* is a
reason to refuse, a *notice* something a person should know of an act that was allowed.

``model``      the nouns, frozen.
``blocks``     every reason to refuse and every notice: code, sentence, what to do now, in both languages.
``network``    branches as a tree of any depth; whose item or card a number is.
``policy``     loan policy by patron category, item type and branch, inherited; each value knows where it comes from.
``calendar``   opening hours with seasons, closures and public holidays; due dates.
``rules``      the three above, and those of internet rooms, as one versioned rule-set.
``decisions``  ``decide_checkout``, ``decide_checkin``, ``decide_renew``.
``acts``       what the ledger answers when something has been done.
``events``     the vocabulary of the ledger and its canonical encoding.
``chain``      the hash chain over the encoded events.
``clock``      what time it is when the clock cannot be trusted.
``projection`` what the events add up to: the rows of the ledger, and the replay they are checked against.

The free internet room of a station:

``room``          its seats, who sits where until when, who waits: what the events add up to, as values.
``room_policy``   minutes, ages and house rules by category of visitor, inherited.
``room_turns``    what the passing of time does: visits end, numbers are called.
``internet_room`` what readers may do there; ``room_desk``, what staff may.
``room_reasons``  who stands there, and all that can be against it.

What all stations' events add up to, at headquarters:

``timeline``   when the events of a station happened, by clocks that may be wrong.
``facts``      what stations report of one copy, and in which order it happened.
``copies``     what is then known of a copy and its loans, as values.
``custody``    who has the copy: the conflict rules, over all facts or one more.
``fees``       what is owed of a fee that was settled at several places.
``judgements`` what headquarters knew better than the station.
``exceptions`` what cannot both be true, said to staff, and how it is settled.
"""
