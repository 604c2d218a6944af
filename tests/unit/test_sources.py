# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packing a directory, what is left out of it, and checking an uploaded tarball."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _ignore, _sources
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput


def make(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


def names(directory: Path, **options: Any) -> list[str]:
    with _sources.pack_directory(str(directory), **options) as packed, tarfile.open(fileobj=packed.file) as archive:
        return [member.name for member in archive if not member.isdir()]


def tarball(*members: tarfile.TarInfo | str) -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for member in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            archive.addfile(info, io.BytesIO(b"x" * info.size))
    stream.seek(0)
    return stream


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    first = make(tmp_path / "1", "langgraph.json", "src/agent.py", "a b/ü.txt")
    time.sleep(0.01)
    second = make(tmp_path / "2", "a b/ü.txt", "src/agent.py", "langgraph.json")
    os.utime(second / "langgraph.json", (1, 1))
    (first / "src/agent.py").chmod(0o640)
    with _sources.pack_directory(str(first)) as one, _sources.pack_directory(str(second)) as two:
        content = one.file.read()
        assert content == two.file.read()
        assert one.sha256 == two.sha256 == hashlib.sha256(content).hexdigest()
        assert one.size == len(content)
        assert content[4:8] == b"\0\0\0\0"  # no time in the gzip header
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
                assert member.mode == (0o755 if member.isdir() else 0o644)
    assert _sources.check_tarball(io.BytesIO(content)) == (one.sha256, one.size)


def test_content_names_and_the_executable_bit_count(tmp_path: Path) -> None:
    make(tmp_path, "run.sh")
    seen = set()
    for change in (lambda: None, lambda: (tmp_path / "run.sh").chmod(0o755), lambda: make(tmp_path, "more")):
        change()
        with _sources.pack_directory(str(tmp_path)) as packed:
            seen.add(packed.sha256)
    assert len(seen) == 3


def test_always_left_out(tmp_path: Path) -> None:
    make(
        tmp_path,
        "agent.py",
        ".git/config",
        "src/__pycache__/agent.pyc",
        ".venv/bin/python",
        "old.pyc",
        ".env",
        "venv.py",
    )
    assert names(tmp_path) == [".env", "agent.py", "venv.py"]


def test_ignore_files(tmp_path: Path) -> None:
    make(tmp_path, "agent.py", "data/big.bin", "data/keep.txt", "notes.md", "deep/notes.md", "logs/x.log", "secret.env")
    (tmp_path / ".gitignore").write_text("# comment\n*.env\n/notes.md\nlogs/\n")
    (tmp_path / ".dockerignore").write_text("data/*\n!data/keep.txt\n.dockerignore\n")
    assert names(tmp_path) == [".gitignore", "agent.py", "data/keep.txt", "deep/notes.md"]
    assert "secret.env" in names(tmp_path, honour_ignore=False)


@pytest.mark.parametrize(
    ("pattern", "path", "directory", "out"),
    [
        ("*.log", "a/b.log", False, True),
        ("*.log", "a/b.logs", False, False),
        ("/b.log", "a/b.log", False, False),
        ("build/", "build", True, True),
        ("build/", "build", False, False),
        ("build/", "a/build/x", False, True),
        ("a/b", "x/a/b", False, False),
        ("**/a/b", "x/a/b", False, True),
        ("a/**/b", "a/x/y/b", False, True),
        ("a/**/b", "a/b", False, True),
        ("a/**", "a/x/y", False, True),
        ("a?c", "abc", False, True),
        ("a?c", "a/c", False, False),
        ("[ab]x", "bx", False, True),
        ("[!ab]x", "bx", False, False),
        ("[!ab]x", "cx", False, True),
        (r"\!x", "!x", False, True),
        ("a.b", "axb", False, False),
        ("(a", "(a", False, True),
        ("# x", "# x", False, False),
        ("", "x", False, False),
        ("[z-a]", "x", False, False),
    ],
)
def test_gitignore_patterns(pattern: str, path: str, directory: bool, out: bool) -> None:
    assert _ignore.Ignore({".gitignore": pattern + "\n"})(path, directory) is out


def test_the_last_matching_line_wins() -> None:
    ignore = _ignore.Ignore({".gitignore": "*.txt\n!keep.txt\n"})
    assert (ignore("a.txt", False), ignore("keep.txt", False)) == (True, False)


def test_dockerignore_counts_from_the_root() -> None:
    ignore = _ignore.Ignore({".dockerignore": "*.log\n./b\n"})
    assert (ignore("a.log", False), ignore("x/a.log", False), ignore("b/c", False)) == (True, False, True)


def test_links_inside_are_kept_and_links_out_are_named(tmp_path: Path) -> None:
    make(tmp_path, "a/file", "b/file")
    (tmp_path / "a/link").symlink_to("../b/file")
    assert names(tmp_path) == ["a/file", "a/link", "b/file"]
    for target in ("/etc/passwd", "../../outside", "../b/../../x"):
        (tmp_path / "a/link").unlink()
        (tmp_path / "a/link").symlink_to(target)
        with pytest.raises(InvalidInput, match=r"The link a/link in the source directory"):
            _sources.pack_directory(str(tmp_path))


def test_what_cannot_be_packed_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="pipe in the source directory is no file"):
        _sources.pack_directory(str(tmp_path))
    with pytest.raises(InvalidInput, match="does not exist"):
        _sources.pack_directory(str(tmp_path / "missing"))
    os.unlink(tmp_path / "pipe")
    (tmp_path / "random").write_bytes(os.urandom(200_000))
    with pytest.raises(InvalidInput, match="is more than"):
        _sources.pack_directory(str(tmp_path), max_size=100_000)


def test_a_good_tarball(tmp_path: Path) -> None:
    content = tarball("langgraph.json", "./src/agent.py", special("link", tarfile.SYMTYPE, "src")).getvalue()
    (tmp_path / "source.tar.gz").write_bytes(content)
    with _sources.open_tarball(str(tmp_path / "source.tar.gz")) as opened:
        assert opened.sha256 == hashlib.sha256(content).hexdigest()
        assert opened.file.read() == content
    with pytest.raises(InvalidInput, match="cannot be read"):
        _sources.open_tarball(str(tmp_path / "missing.tar.gz"))


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (special("/etc/passwd", tarfile.REGTYPE), "Member /etc/passwd .* leaves its folder"),
        (special("a/../../b", tarfile.REGTYPE), "Member a/../../b .* leaves its folder"),
        (special("a/link", tarfile.SYMTYPE, "/etc"), "The link a/link .* leads to /etc"),
        (special("a/link", tarfile.SYMTYPE, "../../x"), "The link a/link"),
        (special("link", tarfile.SYMTYPE, "a/../../x"), "The link link"),
        (special("link", tarfile.LNKTYPE, "../x"), "Member link .* is a link out of it"),
        (special("link", tarfile.LNKTYPE, "/etc/passwd"), "Member link .* is a link out of it"),
        (special("null", tarfile.CHRTYPE), "Member null .* is a device or pipe"),
        (special("disk", tarfile.BLKTYPE), "Member disk .* is a device or pipe"),
        (special("pipe", tarfile.FIFOTYPE), "Member pipe .* is a device or pipe"),
    ],
)
def test_members_that_leave_the_folder_are_named(member: tarfile.TarInfo, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        _sources.check_tarball(tarball("langgraph.json", member))


def test_a_member_below_a_link_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"Member a/b .* lies below the link a"):
        _sources.check_tarball(tarball(special("a", tarfile.SYMTYPE, "."), "a/b"))


@pytest.mark.parametrize(
    "content",
    [b"", b"no tarball", gzip.compress(b"no tarball"), tarball("a").getvalue()[:40], os.urandom(2000)],
)
def test_what_is_no_tarball(content: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"no \(complete\) gzip-compressed tar archive|is empty"):
        _sources.check_tarball(io.BytesIO(content))


def test_an_empty_and_an_uncompressed_one() -> None:
    with pytest.raises(InvalidInput, match="is empty"):
        _sources.check_tarball(tarball())
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    stream.seek(0)
    with pytest.raises(InvalidInput, match="gzip-compressed"):
        _sources.check_tarball(stream)


def test_limits() -> None:
    with pytest.raises(InvalidInput, match="is bigger than"):
        _sources.check_tarball(tarball("a"), max_size=10)
    big = tarfile.TarInfo("big")
    big.size = 100_000
    with pytest.raises(InvalidInput, match="MiB unpacked"):
        _sources.check_tarball(tarball(big), max_unpacked=10_000)
