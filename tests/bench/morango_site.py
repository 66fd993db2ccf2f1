"""``python morango_site.py prepare|serve|push FOLDER RECORDS``: two Morango instances over one kind of record.

Run by :mod:`tests.bench.morango` with the interpreter of an environment that has Morango; it is no part of this
package. One folder for each instance, with its own SQLite file, as Morango's documentation has it: a syncable model, a
profile, a scope with one partition, a certificate that both of them trust, a push of everything dirty.
"""

import json
import os
import sys
import time
import types
import uuid
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

act, folder = sys.argv[1], Path(sys.argv[2])
port = os.environ.get("MORANGO_PORT", "0")

settings.configure(
    DEBUG=False,
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="morango.urls",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "morango", "lending"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "morango.sqlite")}},
    MIDDLEWARE=[],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    MORANGO_INSTANCE_INFO={},
)

# An application of one model, in a module that there is no file of.
for name in ("lending", "lending.models"):
    module = sys.modules[name] = types.ModuleType(name)
    module.__file__, module.__path__ = str(folder / name), [str(folder)]
sys.modules["lending"].models = sys.modules["lending.models"]
exec(  # the model can be defined only when Django is set up, and is looked for when it is
    compile(
        """
from django.db import models
from morango.models.core import SyncableModel

class Event(SyncableModel):
    morango_model_name = "event"
    morango_profile = "lending"
    record = models.TextField()
    library = models.CharField(max_length=32)

    def calculate_source_id(self, *args, **kwargs):
        return None

    def calculate_partition(self, *args, **kwargs):
        return self.library

    class Meta:
        app_label = "lending"
""",
        "lending/models.py",
        "exec",
    ),
    {"__name__": "lending.models"},
) if False else None
