# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: run a program with a deadline, as another user, so that nothing of it outlives the caller."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import dataclasses
import os
import pwd
import selectors
import signal
import subprocess
import time
import typing as t
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError

TAIL_LINES = 60
LINE_LENGTH = 2000
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


@dataclasses.dataclass(frozen=True)
class Account:
    """A local user that programs run as; None instead of one means the current user."""

    name: str
    uid: int
    gid: int
    home: str

    @classmethod
    def find(cls, name: str) -> Account | None:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            return None
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)


class Deadline:
    """Seconds that are left of a time-out, by the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())


@dataclasses.dataclass(frozen=True)
class Done:
    """How a program ended. `lines`: last lines of stdout and stderr together; `result`: what it wrote to RESULT_FD."""

    code: int
    lines: list[str]
    result: bytes = b""


def run(
    argv: t.Sequence[str | os.PathLike[str]],
    *,
    what: str,
    deadline: Deadline,
    env: t.Mapping[str, str],
    cwd: Path | None = None,
    account: Account | None = None,
    stdin: bytes = b"",
) -> Done:
    """Run to the end and return, whatever the exit code; HostError when it cannot start or the deadline passes.

    The child leads its own process group, which is killed on every way out; it dies with us even on SIGKILL.
    The number of an extra writable file descriptor for answers is in its environment as RESULT_FD.
    """
    answer_r, answer_w = os.pipe()
    as_user: dict[str, t.Any] = {}
    if account is not None and account.uid != os.geteuid():
        as_user = {"user": account.uid, "group": account.gid, "extra_groups": []}
    try:
        try:
            process = subprocess.Popen(  # pylint: disable=ansible-bad-function  # the core knows no Ansible
                [os.fspath(part) for part in argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**env, "RESULT_FD": str(answer_w)},
                pass_fds=(answer_w,),
                start_new_session=True,
                umask=0o022,
                preexec_fn=_die_with_parent,
                **as_user,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise HostError(f"{what} cannot start: {os.fspath(argv[0])}: {error}.") from error
        os.close(answer_w)
        answer_w = -1
        try:
            return _collect(process, answer_r, stdin, deadline, what)
        finally:
            _kill_group(process)
    finally:
        os.close(answer_r)
        if answer_w >= 0:
            os.close(answer_w)


def _collect(process: subprocess.Popen[bytes], answer: int, stdin: bytes, deadline: Deadline, what: str) -> Done:
    writer = t.cast("t.IO[bytes]", process.stdin)
    reader = t.cast("t.IO[bytes]", process.stdout)
    lines: collections.deque[str] = collections.deque(maxlen=TAIL_LINES)
    rest, result, sent = b"", b"", 0
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        stack.callback(reader.close)
        os.set_blocking(writer.fileno(), False)
        selector.register(reader, selectors.EVENT_READ)
        selector.register(answer, selectors.EVENT_READ)
        selector.register(writer, selectors.EVENT_WRITE)
        exited = False
        while selector.get_map():
            if deadline.left() <= 0:
                raise HostError(f"{what} took longer than {deadline.seconds:g} s.", _lines(lines, rest), timed_out=True)
            ready = selector.select(min(0.2, deadline.left()))
            for key, _events in ready:
                if key.fileobj is writer:
                    sent = _send(writer, stdin, sent)
                    if sent >= len(stdin):
                        selector.unregister(writer)
                        writer.close()
                    continue
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.fileobj is reader:
                    *whole, rest = (rest + chunk).split(b"\n")
                    rest = rest[-LINE_LENGTH:]
                    lines.extend(_text(line) for line in whole)
                else:
                    result += chunk
            if exited and not ready:
                break  # grandchildren that keep our pipes open are not waited for
            exited = process.poll() is not None
        if not writer.closed:
            with contextlib.suppress(BrokenPipeError):
                writer.close()
    try:
        code = process.wait(timeout=deadline.left())
    except subprocess.TimeoutExpired:
        raise HostError(
            f"{what} took longer than {deadline.seconds:g} s.", _lines(lines, rest), timed_out=True
        ) from None
    return Done(code, _lines(lines, rest), result)


def _send(writer: t.IO[bytes], data: bytes, sent: int) -> int:
    try:
        return sent + os.write(writer.fileno(), data[sent : sent + 65536])
    except BlockingIOError:
        return sent
    except BrokenPipeError:
        return len(data)


def _lines(lines: t.Iterable[str], rest: bytes) -> list[str]:
    return [*lines, _text(rest)] if rest else list(lines)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")[:LINE_LENGTH]


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # runs after setuid, which would clear it


@contextlib.contextmanager
def signals_as_errors(what: str) -> t.Iterator[None]:
    """Within: SIGTERM, SIGINT and SIGHUP raise HostError, so that children are killed and drafts removed."""

    def stop(number: int, _frame: object) -> None:
        raise HostError(f"{what} was stopped by {signal.Signals(number).name}; run it again.")

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
