# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what of the collection a service runs on, packed so that equal content gives equal bytes."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import json
import tarfile
import typing as t
from pathlib import Path

import yaml

#: What each service runs on beside its own code and the list of its packages; a change of anything else is no release.
PARTS = {
    "control_plane": ("plugins/module_utils", "services/common"),
    "listener": ("meta", "playbooks", "plugins", "roles", "services/common"),
}
_BELOW = "ansible_collections/selfhosted/langgraph"
# With these the directory wins over another `ansible_collections` that the interpreter may have on its path.
_PACKAGES = ("ansible_collections", "ansible_collections/selfhosted", _BELOW)


@dataclasses.dataclass(frozen=True)
class Release:
    """``name``: version and content; ``archive``: gzip tarball; ``lock_sha256``: which packages it wants."""

    name: str
    archive: bytes
    lock_sha256: str


def pack(collection: Path, service: str) -> Release:
    """A service of the collection in this directory. FileNotFoundError when a part is missing."""
    found = _files(collection, service)
    files = {f"{_BELOW}/{path.relative_to(collection).as_posix()}": path.read_bytes() for path in found}
    files.update({f"{package}/__init__.py": b"" for package in _PACKAGES})
    # Which collection it is, for the service and for Ansible; the whole manifest would change with every other file.
    known = {"namespace": "selfhosted", "name": "langgraph", "version": version(collection)}
    files[f"{_BELOW}/MANIFEST.json"] = json.dumps({"collection_info": known}).encode()
    archive = _tarball(files)
    lock = files[f"{_BELOW}/{_lock(service)}"]
    content = hashlib.sha256(archive).hexdigest()[:12]
    return Release(f"{version(collection)}-{content}", archive, hashlib.sha256(lock).hexdigest())


def version(collection: Path) -> str:
    """Of the collection, as its tarball (MANIFEST.json) or its checkout (galaxy.yml) says."""
    manifest = collection / "MANIFEST.json"
    file = manifest if manifest.exists() else collection / "galaxy.yml"
    text = file.read_text(encoding="utf-8")
    found: dict[str, t.Any] = json.loads(text)["collection_info"] if file.suffix == ".json" else yaml.safe_load(text)
    return str(found["version"])


def _lock(service: str) -> str:
    return f"requirements/{service}.txt"


def _files(collection: Path, service: str) -> t.Iterator[Path]:
    for part in (*PARTS[service], f"services/{service}"):
        folder = collection / part
        if not folder.is_dir():
            raise FileNotFoundError(2, "No such directory", str(folder))
        for path in folder.rglob("*"):
            below = path.relative_to(collection).parts
            if path.is_file() and "__pycache__" not in below and not any(name.startswith(".") for name in below):
                yield path
    yield collection / _lock(service)


def _tarball(files: t.Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=target, mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in sorted(files):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(files[name]), 0o644, 0
            archive.addfile(info, io.BytesIO(files[name]))
    return target.getvalue()
