"""Morango beside the exchange: as many records between two of its instances, with its own settings (facts/sync.md,
section 1), in the same run on the same machine.

By ``--morango`` alone, because pip has to fetch it: it needs Django 3.2, which gets a temporary environment of its own.
Two SQLite instances on the loop-back address without TLS; one pushes what it has. It replicates records that may
change, both ways and in scopes, and the exchange moves events one way: the narrower task is cheaper.
"""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import venv
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from tests.bench.exchange import sent_from_one
from tests.bench.figure import Figure
from tests.bench.lending import Work, branch_code

RECORDS = 2_000
_TIMES = 20

_SETTINGS = """
import os
SECRET_KEY = "bench"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "morango.urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "mptt", "morango", "lending"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["BENCH_DATABASE"]}}
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
"""

_MODELS = """
import uuid
from django.db import models
from morango.models.core import SyncableModel

class Event(SyncableModel):
    morango_model_name = "event"
    morango_profile = "lending"
    library = models.CharField(max_length=32)
    record = models.TextField()

    def calculate_source_id(self, *args, **kwargs):
        return uuid.uuid4().hex

    def calculate_partition(self, *args, **kwargs):
        return self.library
"""

_FOUND = """
import django
django.setup()
from django.core.management import call_command
from morango.models.certificates import Certificate, ScopeDefinition
call_command("migrate", run_syncdb=True, verbosity=0)
ScopeDefinition.objects.create(
    id="library", profile="lending", version=1, primary_scope_param_key="library", description="A library.",
    read_filter_template="", write_filter_template="", read_write_filter_template="${library}",
)
Certificate.generate_root_certificate("library")
"""

_PUSH = """
import json, sys, time
import django
django.setup()
from django.db import transaction
from lending.models import Event
from morango.models.certificates import Certificate, Filter
from morango.models.core import DatabaseIDModel
from morango.sync.controller import MorangoProfileController
# A copy of the other's file is another instance.
DatabaseIDModel.objects.all().delete()
root = Certificate.objects.get()
with transaction.atomic():
    for record in json.load(open(sys.argv[2])):
        Event(library=root.id, record=record).save()
began = time.perf_counter()
session = MorangoProfileController("lending").create_network_connection(sys.argv[1]).create_sync_session(root, root)
client = session.get_push_client()
client.initialize(Filter(root.id))
client.run()
client.finalize()
session.close_sync_session()
print(time.perf_counter() - began)
"""

_COUNT = "import django; django.setup(); from lending.models import Event; print(Event.objects.count())"


def measure(*, morango: bool = False) -> list[Figure]:
    """Its rate, ours for as many records, and how many times ours is; nothing unless asked for."""
    if not morango:
        return [Figure("Morango: not run; ask for it by --morango", 0, "")]
    with tempfile.TemporaryDirectory(prefix="tramsach-bench-") as name:
        folder = Path(name)
        python = _environment(folder / "environment")
        if python is None:
            return [Figure("Morango: not run; pip could not fetch it", 0, "")]
        theirs = RECORDS / _seconds(folder, python)
    ours = sent_from_one(RECORDS)
    return [
        Figure("Morango 0.8.15, one instance to another", theirs, "records/s", note=f"{RECORDS:,} records, SQLite"),
        Figure("exchange, as many events, into SQLite", ours, "events/s", note="with TLS, logged and applied"),
        Figure("  times Morango's rate", ours / theirs, "", _TIMES, "higher"),
    ]


def _environment(folder: Path) -> Path | None:
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "morango==0.8.15"], capture_output=True, check=False
    )
    return python if done.returncode == 0 else None


def _seconds(folder: Path, python: Path) -> float:
    project = folder / "project"
    (project / "lending").mkdir(parents=True)
    (project / "lending" / "__init__.py").touch()
    (project / "lending" / "models.py").write_text(_MODELS)
    (project / "bench_settings.py").write_text(_SETTINGS)
    server, client = folder / "server.sqlite", folder / "client.sqlite"
    work = Work(branch_code(0), datetime.now(UTC) - timedelta(days=40), 0)
    records = folder / "records.json"
    records.write_text(json.dumps([line for _, line in islice(work.records(), RECORDS)]))

    def run(database: Path, *words: str) -> str:
        done = subprocess.run(
            [python, *words], cwd=project, env=_surroundings(database), check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    run(server, "-c", _FOUND)
    client.write_bytes(server.read_bytes())
    port = _free_port()
    serving = [str(python), "-m", "django", "runserver", "--noreload", f"127.0.0.1:{port}"]
    with (folder / "said.log").open("w") as said, subprocess.Popen(
        serving, cwd=project, env=_surroundings(server), stdout=said, stderr=said
    ) as process:  # fmt: skip
        try:
            _wait(f"http://127.0.0.1:{port}/api/morango/v1/morangoinfo/1/")
            seconds = float(run(client, "-c", _PUSH, f"http://127.0.0.1:{port}/", str(records)))
        finally:
            process.kill()
    arrived = int(run(server, "-c", _COUNT))
    if arrived != RECORDS:
        raise RuntimeError(f"{arrived} of {RECORDS} records came through Morango")
    return seconds


def _surroundings(database: Path) -> dict[str, str]:
    return {"DJANGO_SETTINGS_MODULE": "bench_settings", "BENCH_DATABASE": str(database), "PATH": "/usr/bin:/bin"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _wait(url: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310, an address of this machine
        except urllib.error.HTTPError:  # it answers
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("Morango's server does not answer")
