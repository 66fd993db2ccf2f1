"""What a person touches: the command line today, screens and receipts on the same ledger.

``cli``       the command ``tramsach``: language, global options, errors as sentences.
``commands``  what each command does; thin, over ``sync.store``.
``station``   the composition root: settings, rules and ledger of one station's folder.
``desk``, ``catalogue``, ``settings``, ``doctor``  what the commands do; ``terminal``, ``pages`` how they say it.
``flows``     a visit as pure decisions; ``session`` performs them; ``views`` what a screen is to show.
``screens``   the touchscreen, in Kivy; ``app`` its window; ``receipts`` a receipt as a picture for the printer.
``machine``   a kiosk put together from settings, ledger, devices and session; ``pins`` readers' PINs.
``demo``      the product's own titles and readers, and the tour that plays a desk with them.
``i18n``      words: gettext, Vietnamese first; source texts in English, ``locale/`` holds the translations.
"""
