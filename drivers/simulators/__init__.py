"""The other end of each wire: simulated devices that answer real bytes.

They ship with the product: the demo plays with them, staff learn on them, a library tries a setting on them before it
buys, and the tests of drivers run against them. A simulated device is not a mock: it keeps the state a real one keeps
(which tags lie on it, what is in their memory), takes the time a real one takes when asked to, and fails in ways that
have names. It knows nothing of the driver at the other end, only the protocol, and what it shares with the driver is
the framing alone.

``wire``         where a simulated device is plugged in: TCP on a port of the system's choice, or a pseudo-terminal;
                 pace; faults.
``pad``          an RFID pad of any make, with virtual tags to put on and lift; ``field`` is what lies on it, ``air``
                 what is said there, ``feig``, ``bibliotheca`` and ``rl866`` are the readers of the makes.
``card_reader``  patron cards to tap and take away, over UDP.
``scanner``      codes on a line.
``printer``      paper that comes out as a picture.

A simulated device is a context manager with a ``url`` to give to its driver. Its methods may be called from any thread.
"""
