"""What a visit is: pure decisions between what happens (messages) and what is to be done about it (effects).

``messages``  what comes in (devices, fingers, time, answers) and what goes out (effects), all frozen.
``state``     what a kiosk knows at one moment.
``visit``     ``step(state, message) -> (state, effects)``: what becomes of it.
``show``      ``view(state)``: what the screen shows.

The laws (design, sections 3 and 4), which the tests hold under random histories: the ledger comes first, the security
bit second, the receipt last; a tag is unsecured only under an open loan or an open repair row; a receipt names only
released items; back at the attract screen no question is open and nothing personal is left. An effect's outcome comes
back as a message; nothing here waits, looks at a clock or touches a device.
"""
