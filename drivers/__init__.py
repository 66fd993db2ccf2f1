"""What has a plug: bytes in, typed events out, and back again.

A driver is a pure codec (bytes to frames, commands as generators that yield what to send and resume with the
answer) and a thin shell around a port. The address of a device is a URL, so a serial line, a TCP connection
and a simulator are the same to it. One supervisor runs a thread per device: open, self-test, poll; on error
it says so once, backs off and opens again. What other rooms see is the vocabulary alone.

``devices``     the vocabulary: protocols, events, errors; and the loop of a caller. Read it first.
``codec``       what a decoder and a command are; CRCs.
``port``        bytes through a URL; the conversation that runs commands; the log level for bytes.
``supervisor``, ``health``  one thread per device, and how other threads give it work; its health, kept on disk.
``registry``, ``shipped``  from the name of a driver to the device it opens; the drivers that ship, and those of others.
``finding``     what is plugged in, and asking a stranger what it is.
``iso15693``, ``library_tag``  the words of RFID chips and of what is written on them.
``tag_models``  finds out what is on a tag: ``iso28560_3``, ``iso28560_2`` (on ``iso15962`` and ``isil``), ``rfid501``.
``pad`` (on ``presence`` and ``tag_work``), ``tag_protocol``  the RFID pad of any make, and what it asks of its codec.
``feig``, ``bibliotheca``, ``rl866``  the makes of pads.
``printer_wires``, ``printer_models``  USB and files of printers; what is known of their models.
``nfc_cards`` (with ``pn532``), ``pcsc``, ``card_memory``  patron cards: through nfcpy, through the operating system;
                and what is written on them.
``barcodes``, ``wedge_scanner`` (on ``keyboard_wedge``), ``codes`` (on ``citizen_card``)  scanners on a wire and at the
                keyboard; and what their lines are.
``escpos``, ``receipt_printer``  the printer with its codec.
``seat_protocol``, ``seat_link``, ``seat_enrolment``, ``seat_lock``  the wire to a computer of the internet room, its
                two ends, how it gets its key; and what it does by itself.
``simulators``  the other end of each wire.

Words: a *pad* sees *tags* (the RFID labels of items), a *card reader* sees patron cards, a *scanner* sees
barcodes, a *receipt printer* prints, a *seat* is a computer of the internet room. A *simulator* is the other
end of a wire: it answers real bytes, and can be told to fail in ways that have names.

Laws: one dead device never stops the others; `DeviceLost` and `DeviceBack` are events like any other, and
what they mean is decided elsewhere. Unknown is not OK: no answer from a printer is "unknown", never "paper
present", and a tag that could not be read is shown, not skipped. A write counts when it has been read back.
No command of this room locks anything on a tag.

This room imports `config` alone. It never meets `sync`: a driver knows nothing of loans, and the rules know
nothing of wires. Device libraries (the extra `devices`) are imported here and nowhere else, so that
headquarters and a desk do without them.
"""
