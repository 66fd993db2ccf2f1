"""What the touchscreen looks like: a :class:`kiosk.views.View` goes in, pixels come out, a touch goes back.

The one door is :class:`kiosk.screens.root.KioskRoot`: ``show(view)`` redraws what changed, ``on_touch_action``
brings what a finger meant. It takes its size from itself, never from the window it stands in.

Pure, and imported without Kivy: ``theme`` (tokens, roles, profiles, zones, millimetres), ``type`` (which font has
which letter, lines broken evenly, words cut with an ellipsis), ``words`` (views to texts), ``shapes`` (drawn icons
and pictures as geometry), ``brocade``, ``sound``, ``samples``. With Kivy: ``paint`` (pixels from geometry and text),
``kit`` (what every screen is made of), ``frame`` (header, step bar, tools, banner, toast), ``pile`` (books), and one
module and one .kv file per family of screens. ``surface`` must be asked before Kivy is first imported.

Words: a *role* is a colour by its purpose, a *zone* a rectangle of a template, a *step* a size of type, a *page* the
body of the screen. Laws: a screen decides nothing; no text stands in a .kv file; a colour is named by role, never by
value; motion never delays a touch; texts of a reader are forgotten by the cache when the attract screen returns.

Decided: what the reader could touch but no flow answers is not drawn, so the search and internet-room buttons of the
mock-ups come with their flows.
"""
