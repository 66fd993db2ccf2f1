"""Writes pins.txt: the version of each package of each extra, on Linux and Windows, Python 3.11 to 3.13.

pip resolves for the machine it runs on. So the first round resolves everything here; then each requirement
that holds elsewhere only (it has a marker such as `sys_platform == 'win32'`) is resolved for a place that
needs it. Nothing is installed.

usage: python .ci/pins.py pins.txt
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEADER = """\
# The exact version of every package of every extra that this release was tested with. Written by `make pins`.
# Names and versions only; where packages come from is the business of the machine they are installed on.
"""

QUIETLY = ("-qq", "--disable-pip-version-check", "--dry-run", "--ignore-installed")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a station may run: a version of Python on a system, as `sys_platform` names it."""

    python: str
    system: str

    @property
    def pip_platform(self) -> str:
        return "win_amd64" if self.system == "win32" else "manylinux_2_28_x86_64"

    def environment(self) -> dict[str, str]:
        """The values of the environment markers."""
        windows = self.system == "win32"
        return {
            "sys_platform": self.system,
            "platform_system": "Windows" if windows else "Linux",
            "os_name": "nt" if windows else "posix",
            "platform_machine": "AMD64" if windows else "x86_64",
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
        }


PLACES = [Place(python, system) for python in ("3.11", "3.12", "3.13") for system in ("linux", "win32")]


def resolve(*arguments: str) -> list[dict[str, Any]]:
    """The metadata of each package pip would install for these arguments."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run(
            [sys.executable, "-m", "pip", "install", *QUIETLY, "--report", str(report), *arguments],
            check=True,
        )
        return [entry["metadata"] for entry in json.loads(report.read_text("utf-8"))["install"]]


def places_of(requirement: Requirement, among: set[Place], extras: set[str]) -> set[Place]:
    """Those of the places at which a package, asked for with these extras, has the requirement."""
    marker = requirement.marker
    if marker is None:
        return set(among)
    return {
        place
        for place in among
        if any(marker.evaluate({**place.environment(), "extra": extra}) for extra in {"", *extras})
    }


def main(target: Path) -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    own = canonicalize_name(project["name"])
    everything = set(project["optional-dependencies"])
    print("pins: Resolving all extras for this machine ...")
    packages = {
        canonicalize_name(metadata["name"]): metadata
        for metadata in resolve("--no-build-isolation", f".[{','.join(sorted(everything))}]")
    }

    # For each package met so far, the places that need it and the extras it is asked for with.
    needed: dict[str, tuple[set[Place], set[str]]] = {own: (set(PLACES), everything)}
    pending = [own]
    while pending:
        places, extras = needed[name := pending.pop()]
        if name not in packages:
            raise LookupError(f"{name} is needed somewhere and was resolved nowhere")
        for line in packages[name].get("requires_dist", []):
            requirement = Requirement(line)
            there = places_of(requirement, places, extras)
            if not there:
                continue
            child = canonicalize_name(requirement.name)
            if child not in packages:
                place = min(there)
                print(f"pins: Resolving {child}, which Python {place.python} on {place.system} needs ...")
                (packages[child],) = resolve(
                    "--no-deps", "--only-binary", ":all:", "--target", "nowhere",
                    "--python-version", place.python, "--platform", place.pip_platform,
                    f"{child}{requirement.specifier}",
                )  # fmt: skip
            known = needed.setdefault(child, (set(), set()))
            if not (there <= known[0] and requirement.extras <= known[1]):
                known[0].update(there)
                known[1].update(requirement.extras)
                pending.append(child)

    del packages[own]
    lines = [f"{name}=={packages[name]['version']}\n" for name in sorted(packages)]
    target.write_text(HEADER + "".join(lines), "utf-8")
    print(f"pins: {target} names {len(lines)} packages.")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
