# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: unpacks a source tarball so that nothing of it lands elsewhere, and nothing but files and directories."""

from __future__ import annotations

import errno
import os
import shutil
import tarfile
import typing as t
from pathlib import Path, PurePosixPath

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError

MAX_MEMBERS = 200_000
MAX_BYTES = 4 * 1024**3
MARGIN_BYTES = 16 * 1024**2


def unpack(tarball: Path, target: Path) -> int:
    """Unpack into the new directory `target`; returns the bytes written. HostError names the member at fault."""
    try:
        with tarfile.open(tarball, "r:*") as archive:
            members = list(_checked(archive))
            size = sum(member.size for member, _path in members)
            free = free_bytes(target.parent)
            if size + MARGIN_BYTES > free:
                raise disk_full(target, need=size)
            target.mkdir(mode=0o755)
            for member, path in members:
                _write(archive, member, target / path)
    except (tarfile.TarError, EOFError, ValueError) as error:
        # the first line: of a file of no known kind tarfile lists what it tried
        raise HostError(f"The source is no tarball that can be read ({_first_line(error)}); pack it again.") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(target) from error
        # gzip and lzma report damage as OSError without a file name
        if error.filename is None:
            raise HostError(
                f"The source is no tarball that can be read ({_first_line(error)}); pack it again."
            ) from error
        raise
    return size


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(":")


def _checked(archive: tarfile.TarFile) -> t.Iterator[tuple[tarfile.TarInfo, PurePosixPath]]:
    total = 0
    for count, member in enumerate(archive, start=1):
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or "\0" in member.name:
            raise HostError(f"The source holds {member.name!r}, which leaves its folder; pack it again without.")
        if not (member.isreg() or member.isdir()):
            kind = "a link" if member.issym() or member.islnk() else "a special file"
            raise HostError(f"The source holds {member.name!r}, which is {kind}; pack it again without.")
        total += member.size
        if count > MAX_MEMBERS or total > MAX_BYTES:
            raise HostError(
                f"The source unpacks to more than {MAX_MEMBERS} files or {MAX_BYTES >> 30} GiB; make it smaller."
            )
        if path.parts:
            yield member, path


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    if member.isdir():
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path.is_dir():
        raise HostError(f"The source holds {member.name!r} as a file and as a directory; pack it again.")
    content = archive.extractfile(member)
    if content is None:
        raise HostError(f"The source holds {member.name!r} without content; pack it again.")
    mode = 0o755 if member.mode & 0o100 else 0o644
    with content, open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
    os.utime(path, (member.mtime, member.mtime))


def free_bytes(path: Path) -> int:
    """What an ordinary user may still write below the nearest directory that exists."""
    while not path.exists():
        path = path.parent
    state = os.statvfs(path)
    return state.f_bavail * state.f_frsize


def disk_full(path: Path, need: int | None = None) -> HostError:
    free = free_bytes(path) / 1024**2
    wanted = f" and {need / 1024**2:.0f} MB are needed" if need else ""
    return HostError(f"No space left for {path}: {free:.0f} MB are free{wanted}; make room and run again.")
