"""What a person touches: the command line today, screens and receipts on the same ledger.

``cli``       the command ``tramsach``: language, global options, errors as sentences.
``commands``  what each command does; thin, over ``sync.store``.
``station``   the composition root: settings, rules and ledger of one station's folder.
``terminal``  tables, money, dates and refusals as text.
``demo``      the product's own titles and readers, and the tour that plays a desk with them.
``i18n``      words: gettext, Vietnamese first; source texts in English, ``locale/`` holds the translations.
"""
