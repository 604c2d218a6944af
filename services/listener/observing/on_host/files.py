# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A log file that is written to and rotated (x.log -> x.log.1 -> x.log.2): each complete line once, from where one
was.

A line is known by its file (inode and first line) and the place where it begins there, whoever reads it and when. So
a line that is read again is the same line.
"""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Any, NamedTuple

from .output import LINE_LIMIT, Bucket, clocks, cut, dropped

CHUNK = 256 * 1024
AT_ONCE = 32 * 1024 * 1024  # bytes of one file that are read before others have their turn
# Of a log that this listener has not read before. What is kept already is kept once; none of it counts as too much.
BACKLOG, BACKLOG_LINES = 512 * 1024, 5000
FIRST = 1024
ROTATED = 20
LAST_LINES, LAST_BYTES = 20, 16 * 1024  # of what was dropped: the last words of a process are worth more than others


class Line(NamedTuple):
    """A line, or a word about lines."""

    writer: str
    seq: int
    text: str
    position: dict[str, Any]
    note: bool = False


class _File(NamedTuple):
    handle: int
    inode: int
    first: str


def _first(handle: int) -> str:
    """Digest of the first line; "" while it is not complete."""
    head = os.pread(handle, FIRST, 0)
    end = head.find(b"\n")
    if end < 0 and len(head) < FIRST:
        return ""
    return hashlib.sha256(head[:end] if end >= 0 else head).hexdigest()[:16]


class LogFile:
    """Reads one log. position: what the last line that was kept came with, {} or none for the first time."""

    def __init__(self, path: str, position: dict[str, Any] | None = None) -> None:
        self.path = path
        self._file: _File | None = None
        self._wanted = position or {}
        self._offset = 0
        self._line = 0  # where the line begins of which `_head` was read already
        self._head = b""
        self._length = 0
        self._begun: list[Any] | None = None  # [writer, seq] of a line that began in the file before
        self._dropped: list[Any] | None = None  # [writer, seq of the first one, how many]
        self._lost = False
        self._idle = False
        mono, wall = clocks()
        since = float(self._wanted.get("at") or 0)
        self._bucket = Bucket(mono, mono - (wall - since) if since else 0.0)

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            os.close(self._file.handle)
            self._file = None

    # -- which file ----------------------------------------------------------------------------------------------------

    def _paths(self) -> list[str]:
        """The log and its older parts, the newest first."""
        return [self.path, *(f"{self.path}.{index}" for index in range(1, ROTATED))]

    def _inodes(self) -> list[int]:
        found = []
        for path in self._paths():
            try:
                found.append(os.stat(path).st_ino)
            except OSError:
                if path != self.path:
                    break
                found.append(0)
        return found

    def _open(self, index: int, offset: int = 0) -> bool:
        """Go on in the log (0) or in one of its older parts."""
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
        try:
            handle = os.open(self._paths()[index], flags)
        except OSError:
            return False
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            return False
        self.close()
        self._file = _File(handle, os.fstat(handle).st_ino, _first(handle))
        self._offset = self._line = offset
        return True

    def _begin(self) -> bool:
        """Open the file in which to go on; False if there is none yet."""
        inodes, wanted = self._inodes(), self._wanted
        if not any(inodes):
            return False
        if wanted.get("inode"):
            for index, inode in enumerate(inodes):
                if inode != wanted["inode"] or not self._open(index):
                    continue
                found = self._file
                if found is not None and found.first == wanted.get("first"):
                    size = os.fstat(found.handle).st_size
                    self._offset = self._line = int(wanted.get("offset") or 0) if size >= wanted["offset"] else 0
                    return True
            self._lost = True
            return self._open(len(inodes) - 1)
        if not self._open(0):
            return False
        if self._file is not None:
            size = os.fstat(self._file.handle).st_size
            tail = os.pread(self._file.handle, min(size, BACKLOG), max(0, size - BACKLOG))
            if size > BACKLOG:
                tail = tail[tail.find(b"\n") + 1 :]
            lines = tail.split(b"\n")[-1 - BACKLOG_LINES :]  # behind the last line break is the line that comes
            self._offset = self._line = size - sum(map(len, lines)) - len(lines) + 1
            self._bucket.grant(len(lines), len(tail))
        return True

    def _next(self) -> bool:
        """At the end of a file: go on in the one that came after it, if there is one."""
        current = self._file
        if current is None:
            return False
        inodes = self._inodes()
        if inodes[0] == current.inode:
            if os.fstat(current.handle).st_size >= self._offset:
                return False
            self._forget_line()  # it was emptied
            return self._open(0)
        if not any(inodes) or os.fstat(current.handle).st_size > self._offset:
            return False
        begun = [self._writer(), self._line] if self._length and not self._begun else self._begun
        if current.inode in inodes:
            index = inodes.index(current.inode) - 1
        else:
            index = len(inodes) - 1
            self._lost = self._lost or index > 0
        if not self._open(index):
            return False
        self._begun = begun if self._length else None
        return True

    def _forget_line(self) -> None:
        self._head, self._length, self._begun = b"", 0, None

    # -- lines ---------------------------------------------------------------------------------------------------------

    def _writer(self) -> str:
        current = self._file
        return f"{current.inode}/{current.first}" if current else ""

    def _position(self) -> dict[str, Any]:
        current = self._file
        return {
            "inode": current.inode if current else 0,
            "first": current.first if current else "",
            "offset": self._line,
            "at": round(clocks()[1], 1),
        }

    def read(self, most: int) -> list[Line]:
        """At most so many lines that have come; none waits for a line to come."""
        found: list[Line] = []
        self._bucket.pass_time(clocks()[0], self._idle)
        self._idle = False
        if self._file is not None and self._file.first and _first(self._file.handle) != self._file.first:
            self._forget_line()  # it was emptied, and holds other lines now
            self._open(0)
        if self._file is None and not self._begin():
            self._idle = True
            return found
        budget = AT_ONCE
        while len(found) < most and budget > 0:
            current = self._file
            if current is None:
                break
            if not current.first:
                self._file = current = current._replace(first=_first(current.handle))
            chunk = os.pread(current.handle, CHUNK, self._offset) if current.first else b""
            if not chunk:
                empty = os.fstat(current.handle).st_size == 0 or self._inodes()[0] != current.inode
                if (current.first or empty) and self._next():
                    continue
                self._idle = True
                break
            budget -= len(chunk)
            self._lines(chunk, most, found)
        if self._idle and len(found) < most:
            self._say_dropped(found)
        return found

    def _lines(self, chunk: bytes, most: int, found: list[Line]) -> None:
        """Take lines of a chunk that begins at `_offset`."""
        start = 0
        while start < len(chunk):
            end = chunk.find(b"\n", start)
            if end < 0:
                self._head += chunk[start : start + LINE_LIMIT - len(self._head)] if self._length < LINE_LIMIT else b""
                self._length += len(chunk) - start
                self._offset += len(chunk) - start
                return
            if len(found) >= most:
                return
            if self._dropped and self._bucket.take(after=True):
                self._say_dropped(found, taken=True)
                continue
            piece = chunk[start:end]
            writer, seq = self._begun or (self._writer(), self._line)
            head, length = self._head + piece[: LINE_LIMIT - len(self._head)], self._length + len(piece)
            self._offset += end + 1 - start
            self._line = self._offset
            self._forget_line()
            start = end + 1
            if self._bucket.take(len(head)):
                found.append(Line(writer, seq, cut(head, length), self._position()))
            elif self._dropped:
                self._dropped[2] += 1
            else:
                self._dropped = [writer, seq, 1]
            if self._dropped:
                start = self._skip(chunk, start)

    def _skip(self, chunk: bytes, start: int) -> int:
        """Drop what else this chunk holds: as many lines as nobody could keep anyway."""
        last = chunk.rfind(b"\n") + 1
        if self._dropped and last > start:
            self._dropped[2] += chunk.count(b"\n", start, last)
            self._offset += last - start
            self._line = self._offset
            return last
        return start

    def _say_dropped(self, found: list[Line], taken: bool = False) -> None:
        if self._lost:
            self._lost = False
            text = "A part of this log was rotated away before it could be read."
            found.append(Line(self._writer() + "/lost", self._line, text, self._position(), True))
        if self._dropped and (taken or self._bucket.take()):
            writer, seq, count = self._dropped
            self._dropped = None
            last = self._last_words(writer, seq, count) if self._idle else []
            if len(last) < count:
                found.append(Line(writer, seq, dropped(count - len(last)), self._position(), True))
            found.extend(last)

    def _last_words(self, writer: str, seq: int, count: int) -> list[Line]:
        """The last of the lines that were dropped, as far as they are in this file."""
        current = self._file
        if current is None:
            return []
        begin = max(self._line - LAST_BYTES, seq if writer == self._writer() else 0)
        data = os.pread(current.handle, self._line - begin, begin)
        cut_off = 0 if begin == 0 or os.pread(current.handle, 1, begin - 1) == b"\n" else data.find(b"\n") + 1
        found: list[Line] = []
        at = begin + cut_off
        for piece in data[cut_off:].split(b"\n")[:-1]:
            found.append(Line(self._writer(), at, cut(piece, len(piece)), self._position()))
            at += len(piece) + 1
        found = found[-LAST_LINES:]
        # The word about lines that were dropped has the place of the first one.
        return [line for line in found[-count:] if (line.writer, line.seq) != (writer, seq)]
