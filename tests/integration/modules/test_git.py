# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""work_source with git repositories, over https."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_git import GitError, fetch
from tests.support.git_server import git_server

Call = Callable[..., dict[str, Any]]


@dataclass
class Repository:
    """A repository with a branch, a tag, and a commit that only the history has."""

    url: str
    work: Path
    first: str
    head: str

    def git(self, *words: str) -> str:
        """The output of git in the working tree."""
        return git(self.work, *words)

    def commit(self, text: str) -> str:
        """Change a file and push it; the commit."""
        (self.work / "graph.py").write_text(text)
        self.git("add", "--all")
        self.git("commit", "-q", "-m", text)
        self.git("push", "-q", "origin", "HEAD:main", "--tags")
        return self.git("rev-parse", "HEAD")


def git(directory: Path, *words: str) -> str:
    """The output of git, with an author of its own."""
    who = ["-c", "user.name=x", "-c", "user.email=x"]
    done = subprocess.run(
        ["git", *who, "-c", "init.defaultBranch=main", *words],
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """A repository on a server."""
    place = tmp_path_factory.mktemp("git")
    bare, work = place / "root" / "agents.git", place / "work"
    bare.mkdir(parents=True)
    work.mkdir()
    git(bare, "init", "-q", "--bare")
    git(bare, "config", "uploadpack.allowReachableSHA1InWant", "true")
    git(work, "init", "-q")
    git(work, "remote", "add", "origin", str(bare))
    (work / "langgraph.json").write_text('{"dependencies": ["."], "graphs": {"agent": "./graph.py:graph"}}')
    (work / ".gitignore").write_text("kept.txt\n")
    (work / "kept.txt").write_text("in git although ignored\n")
    git(work, "add", "--force", "kept.txt")
    certificate = place / "certificate.pem"
    with git_server(place / "root", certificate) as address:
        made = Repository(f"{address}/agents.git", work, "", "")
        made.first = made.commit("graph = 1\n")
        made.git("tag", "v1")
        made.head = made.commit("graph = 2\n")
        yield made


@pytest.fixture(autouse=True)
def _trust(repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home whose git trusts the server, whatever this machine's environment says."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text(f"[http]\n\tsslCAInfo = {repository.work.parent / 'certificate.pem'}\n")


@pytest.mark.parametrize("ref", [None, "main", "v1", "refs/heads/main", "refs/tags/v1", "FIRST", "HEAD"])
def test_refs(repository: Repository, tmp_path: Path, ref: str | None) -> None:
    wanted = repository.first if ref in ("v1", "refs/tags/v1", "FIRST") else repository.head
    target = tmp_path / "checkout"
    target.mkdir()
    assert fetch(repository.url, repository.first if ref == "FIRST" else ref, str(target), 30) == wanted
    assert (target / "graph.py").read_text() == ("graph = 1\n" if wanted == repository.first else "graph = 2\n")
    assert git(target, "rev-list", "--count", "HEAD") == "1"


def test_a_commit_that_the_server_does_not_hand_out(repository: Repository, tmp_path: Path) -> None:
    bare = repository.work.parent / "root" / "agents.git"
    git(bare, "config", "uploadpack.allowReachableSHA1InWant", "false")
    git(bare, "config", "uploadpack.allowTipSHA1InWant", "false")
    try:
        target = tmp_path / "checkout"
        target.mkdir()
        # Over protocol 2 a server hands out every commit; older ones do not.
        with (tmp_path / ".gitconfig").open("a") as config:
            config.write("[protocol]\n\tversion = 0\n")
        assert fetch(repository.url, repository.first, str(target), 30) == repository.first
        assert (target / "graph.py").read_text() == "graph = 1\n"
    finally:
        git(bare, "config", "uploadpack.allowReachableSHA1InWant", "true")


@pytest.mark.parametrize(
    ("url", "ref", "words"),
    [
        ("{}", "nope", "has no nope"),
        ("{}", "a" * 40, "a" * 40),
        ("{}/../other.git", "main", "other.git"),
        ("{}/../private/x.git", "main", "refused the credentials"),
        ("https://127.0.0.1:1/x.git", "main", "https://127.0.0.1:1/x.git"),
        ("ssh://git@127.0.0.1:1/x.git", "main", "ssh://git@127.0.0.1:1/x.git"),
    ],
)
def test_what_cannot_be_fetched(repository: Repository, tmp_path: Path, url: str, ref: str, words: str) -> None:
    address = os.path.normpath(url.format(repository.url)).replace("https:/", "https://").replace("ssh:/", "ssh://")
    target = tmp_path / "checkout"
    target.mkdir()
    with pytest.raises(GitError, match=words) as caught:
        fetch(address, ref, str(target), 30)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["file", "ext", "git", "http"])
def test_no_other_transport_even_if_the_records_held_one(tmp_path: Path, scheme: str) -> None:
    with pytest.raises(Exception, match="repo_url"):
        fetch(f"{scheme}://127.0.0.1/x", "main", str(tmp_path), 5)


def test_a_rewritten_address_stays_within_the_transports(repository: Repository, tmp_path: Path) -> None:
    with (tmp_path / ".gitconfig").open("a") as config:
        config.write(f'[url "file://{repository.work}"]\n\tinsteadOf = https://rewritten.example/x\n')
    target = tmp_path / "checkout"
    target.mkdir()
    with pytest.raises(GitError, match=r"rewritten\.example"):
        fetch("https://rewritten.example/x", "main", str(target), 10)


def test_a_revision_is_the_commit_that_was_fetched_first(
    ok: Call, records: Records, repository: Repository, snapshot: Callable[[], Any]
) -> None:
    ok("deployment", name="chat", repo_url=repository.url, repo_ref="main")
    before = snapshot()
    preview = ok("work_claim", check=True)["claims"][0]
    foretold = ok("work_source", check=True, claim_file=preview["claim_file"])
    assert snapshot() == before
    claim = ok("work_claim")["claims"][0]
    made = ok("work_source", claim_file=claim["claim_file"])
    assert (made["changed"], made["repo_commit_sha"]) == (True, repository.head)
    assert (foretold["sha256"], foretold["repo_commit_sha"]) == (made["sha256"], made["repo_commit_sha"])
    with tarfile.open(made["path"]) as archive:
        names = archive.getnames()
    assert {"graph.py", "kept.txt", "langgraph.json"} <= set(names)
    assert not any(name.startswith(".git/") for name in names)
    old_head = repository.head
    repository.head = repository.commit(f"graph = 3  # after {old_head}\n")
    again = ok("work_claim", deployments=["chat"], takeover=True)["claims"][0]
    assert again["revision"]["repo_commit_sha"] == old_head
    result = ok("work_source", claim_file=again["claim_file"])
    assert (result["changed"], result["sha256"], result["repo_commit_sha"]) == (False, made["sha256"], old_head)


def test_a_ref_that_is_gone(ok: Call, fails: Call, repository: Repository) -> None:
    ok("deployment", name="chat", repo_url=repository.url, repo_ref="gone")
    claim = ok("work_claim")["claims"][0]
    result = fails("work_source", claim_file=claim["claim_file"])
    assert result["msg"] == (
        f"Repository {repository.url} has no gone: give repo_ref an existing branch, tag or full commit ID."
    )
    assert "couldn't find remote ref" in result["log_tail"]
    assert sorted(path.name for path in Path(claim["claim_file"]).parent.iterdir()) == ["claim.json", "owner.json"]
