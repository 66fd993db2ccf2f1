"""What station and headquarters say to each other, over https and on USB sticks.

Events travel up in *batches*, signed and never changed after; a *contact* is one question of a station with at most
one batch, a *reply* headquarters' answer with the *changes* the station needs. A *bundle* carries the same messages on
a stick. Whatever arrives is checked before it is believed: size first, then who signed it and for whom, then what it
says; what fails is a value with a reason and a sentence, never an exception.

``reasons``    why something that arrived was not taken, in both languages.
``keys``       who signs and who can read: key pairs, what each signature is good for, the keys somebody trusts.
``envelope``   the one shape of everything signed, and compression that nobody can turn into a flood.
``batch``      events on their way to headquarters.
``messages``   contact and reply.
``papers``     what is exchanged when a station is enrolled.
``bundle``     messages encrypted for the road.
``disk``       files that are whole or not there.
``sticks``     bundles on USB sticks.
``keyring``    keys in a folder; whether this is still the machine they were made on.
``enrolment``  how a station comes to belong to a headquarters.
``caller``     the station's end: its questions, and what it makes of the answers; ``courier`` the same by stick.
``transport``  https; ``rhythm`` when to call; ``worker`` the process that does; ``state`` how that stands.
``snapshot``   all that a station is told, as one file.

``reasons`` to ``bundle`` are pure: same bytes, same answer; no file, no clock, no chance (salts and nonces are
arguments). Encrypting for somebody (HPKE) alone draws random numbers of its own.
"""
