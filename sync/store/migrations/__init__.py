"""The versions of the two files: ``ledger/`` and ``reference/`` are histories of their own, run by one ``env``.

A version is a module ``vNNNN_what.py`` whose revision is the same four digits, so that older and newer can be told
apart without Alembic, which a desk does not load when it starts. Rules for a new version (facts/sync.md, section
5.6):

- Expand first, contract in a later version. It runs on a copy that is checked and then takes the file's place, in one
  transaction with foreign keys off; tables are rebuilt in batch mode.
- ``event`` is never rebuilt: its bytes are what the chain was made over.
- A version says its tables in words of its own and imports nothing of the house, because ``tables`` moves on and an old
  version must not. The heads stand in ``sync.store.upgrade`` too; tests hold both against ``tables``.
"""
