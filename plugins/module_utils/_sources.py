# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources as gzip tarballs: packing a directory so that equal content gives equal bytes, and checking an uploaded one.

Packing: sorted paths, no owners, times 0, modes 0644 or 0755. A link must stay inside the tree. What is left out: see
``_ignore``.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import posixpath
import shutil
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, Self, cast

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _ignore
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput

MAX_SIZE = 200 * 1024 * 1024  # of the tarball, as the vendor's
MAX_UNPACKED = 2 * 1024 * 1024 * 1024
MAX_MEMBERS = 100_000
_EXTENDED = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)
_MAX_EXTENDED = 1024 * 1024
_SPOOL = 8 * 1024 * 1024
_BLOCK = 1024 * 1024


class Packed:
    """A tarball at hand: ``file`` stands at its beginning. To be used in a ``with`` block, which closes it."""

    def __init__(self, file: BinaryIO, sha256: str, size: int) -> None:
        self.file, self.sha256, self.size = file, sha256, size

    def __enter__(self) -> Packed:
        return self

    def __exit__(self, *_details: object) -> None:
        self.file.close()


def open_tarball(path: str) -> Packed:
    """A tarball that somebody else has made, checked. InvalidInput names what is wrong."""
    try:
        stream = open(os.path.expanduser(path), "rb")  # noqa: SIM115 - handed to the caller
    except OSError as error:
        raise InvalidInput(
            f"The source tarball {path} cannot be read ({error.strerror}); correct its path or its rights.",
            field="source_tarball",
        ) from None
    try:
        sha256, size = check_tarball(stream)
        stream.seek(0)
    except InvalidInput as error:
        stream.close()
        raise InvalidInput(f"{path}: {error}", **error.extra) from None
    except BaseException:
        stream.close()
        raise
    return Packed(stream, sha256, size)


def pack_directory(directory: str, honour_ignore: bool = True, max_size: int = MAX_SIZE) -> Packed:
    """Pack a directory. InvalidInput names the file that cannot be packed. honour_ignore: False for what git has
    chosen already.
    """
    root = os.path.abspath(os.path.expanduser(directory))
    if not os.path.isdir(root):
        raise InvalidInput(
            f"The source directory {directory} does not exist or is none; correct its path.", field="source_directory"
        )
    ignore = _ignore.read(root) if honour_ignore else _ignore.Ignore({})
    stream = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=_SPOOL))  # noqa: SIM115 - handed to the caller
    try:
        with (
            gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0, compresslevel=6) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for path in sorted(_walk(root, ignore), key=os.fsencode):
                _add(archive, root, path)
                if stream.tell() > max_size:
                    raise _too_big(f"The source directory {directory}", max_size)
        size = stream.tell()
        if size > max_size:
            raise _too_big(f"The source directory {directory}", max_size)
        stream.seek(0)
        digest = hashlib.sha256()
        while block := stream.read(_BLOCK):
            digest.update(block)
        stream.seek(0)
    except BaseException:
        stream.close()
        raise
    return Packed(stream, digest.hexdigest(), size)


def _too_big(what: str, limit: int) -> InvalidInput:
    return InvalidInput(
        f"{what} is more than {limit // 1024 // 1024} MiB packed; leave out what the server does not need by "
        ".dockerignore.",
        field="source_directory",
    )


def _walk(root: str, ignore: _ignore.Ignore) -> Iterator[str]:
    """Paths (relative, with ``/``) of all that belongs to the source: directories, files, links."""
    waiting = [""]
    while waiting:
        parent = waiting.pop()
        try:
            entries = list(os.scandir(os.path.join(root, parent)))
        except OSError as error:
            raise _unreadable(parent or ".", error) from None
        for entry in entries:
            path = f"{parent}/{entry.name}" if parent else entry.name
            directory = entry.is_dir(follow_symlinks=False)
            out = ignore(path, directory)
            if directory and (not out or (ignore.brings_back and entry.name not in _ignore.ALWAYS)):
                waiting.append(path)
            if not out:
                yield path


def _unreadable(path: str, error: OSError) -> InvalidInput:
    return InvalidInput(
        f"{path} in the source directory cannot be read ({error.strerror}); change its rights or leave it out.",
        field="source_directory",
    )


def _add(archive: tarfile.TarFile, root: str, path: str) -> None:
    full = os.path.join(root, path)
    try:
        path.encode()
        status = os.lstat(full)
        info = tarfile.TarInfo(path)
        info.mtime = 0
        if stat.S_ISDIR(status.st_mode):
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(info)
        elif stat.S_ISLNK(status.st_mode):
            info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, os.readlink(full)
            _check_link(path, info.linkname, "the source directory")
            archive.addfile(info)
        elif stat.S_ISREG(status.st_mode):
            info.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
            with open(full, "rb") as content:
                info.size = os.fstat(content.fileno()).st_size
                archive.addfile(info, content)
        else:
            raise InvalidInput(
                f"{path} in the source directory is no file, directory or link; leave it out by .dockerignore.",
                field="source_directory",
            )
    except UnicodeEncodeError:
        raise InvalidInput(
            f"The name of {os.fsencode(path)!r} in the source directory is no UTF-8; rename it.",
            field="source_directory",
        ) from None
    except OSError as error:
        raise _unreadable(path, error) from None


def _check_link(path: str, target: str, where: str) -> None:
    """A link stays inside the tree: relative, and climbs at its beginning only, no higher than the root."""
    parts = target.split("/")
    climbs = 0
    while climbs < len(parts) and parts[climbs] == "..":
        climbs += 1
    if not target or target.startswith("/") or ".." in parts[climbs:] or climbs > path.count("/"):
        raise InvalidInput(
            f"The link {path} in {where} leads to {target}, out of the source; replace it by what it points to.",
            field="source",
        )


@contextmanager
def seekable(fileobj: BinaryIO) -> Iterator[BinaryIO]:
    """The same content at its beginning, in something that can be read twice."""
    if fileobj.seekable():
        fileobj.seek(0)
        yield fileobj
        return
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
        shutil.copyfileobj(fileobj, spool, _BLOCK)
        spool.seek(0)
        yield cast(BinaryIO, spool)


def check_tarball(stream: BinaryIO, max_size: int = MAX_SIZE, max_unpacked: int = MAX_UNPACKED) -> tuple[str, int]:
    """SHA-256 and size of a good one; InvalidInput names the member that is not. Reads from the stream's place to its
    end.
    """
    digest, size = hashlib.sha256(), 0
    start = stream.tell()
    while block := stream.read(_BLOCK):
        digest.update(block)
        size += len(block)
        if size > max_size:
            raise InvalidInput(
                f"The source tarball is bigger than {max_size // 1024 // 1024} MiB; leave out what the server "
                "does not need.",
                field="source_tarball",
            )
    stream.seek(start)
    try:
        with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|gz", tarinfo=_Member) as archive:
            members = _check_members(archive, max_unpacked)
    except (tarfile.TarError, EOFError, OSError, zlib.error):
        raise InvalidInput(
            "The source tarball is no (complete) gzip-compressed tar archive; make it with tar -czf.",
            field="source_tarball",
        ) from None
    if not members:
        raise InvalidInput(
            "The source tarball is empty; pack the directory that holds langgraph.json.", field="source_tarball"
        )
    return digest.hexdigest(), size


class _Member(tarfile.TarInfo):
    """A member whose extended header is small: tarfile reads such headers into memory, whatever size they claim."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.type in _EXTENDED and member.size > _MAX_EXTENDED:
            raise InvalidInput(
                "The source tarball has a header that is bigger than a source needs; make it with tar -czf.",
                field="source_tarball",
            )
        return member


def _check_members(archive: tarfile.TarFile, max_unpacked: int) -> int:
    members, unpacked = 0, 0
    links: set[str] = set()
    for member in archive:
        members += 1
        unpacked += member.size
        if members > MAX_MEMBERS or unpacked > max_unpacked:
            raise InvalidInput(
                f"The source tarball holds more than {MAX_MEMBERS} members or {max_unpacked // 1024 // 1024} "
                "MiB unpacked; "
                "leave out what the server does not need.",
                field="source_tarball",
            )
        _check_member(member, links)
    return members


def _check_member(member: tarfile.TarInfo, links: set[str]) -> None:
    name = member.name
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\x00" in name:
        raise InvalidInput(
            f"Member {name} of the source tarball leaves its folder; pack relative paths.", field="source_tarball"
        )
    path = posixpath.normpath(name)
    above = path
    while "/" in above:
        above = above.rpartition("/")[0]
        if above in links:
            raise InvalidInput(
                f"Member {name} of the source tarball lies below the link {above}; pack the directory itself.",
                field="source_tarball",
            )
    if member.issym():
        _check_link(path, member.linkname, "the source tarball")
        links.add(path)
    elif member.islnk():
        if member.linkname.startswith("/") or ".." in member.linkname.split("/"):
            raise InvalidInput(
                f"Member {name} of the source tarball is a link out of it; replace it by what it points to.",
                field="source_tarball",
            )
    elif not (member.isreg() or member.isdir()):
        raise InvalidInput(
            f"Member {name} of the source tarball is a device or pipe; leave it out.", field="source_tarball"
        )
