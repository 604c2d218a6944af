# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching one commit of a git repository, by the git program of the controller and its user's credentials.

What comes from the records are an address and a ref, both written by users: only https and ssh are allowed, nothing
of it can be taken
for an option, nothing asks for a password, no submodule is followed and no hook runs.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils._children import Deadline, run
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._inputs import check_repo_ref, check_repo_url

_SETTINGS = (
    "core.hooksPath=/dev/null",
    "protocol.allow=never",
    "protocol.https.allow=always",
    "protocol.ssh.allow=always",
    "submodule.recurse=false",
    "advice.detachedHead=false",
    "gc.auto=0",
)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TAIL_LINES = 20


class GitError(RecordsError):
    """A repository could not be fetched. extra: log_tail (the last lines of git)."""

    code = "git"


def fetch(url: str, ref: str | None, directory: str, timeout: float) -> str:
    """Check the commit that ``ref`` (None: the default branch) names out into ``directory``, made new; gives its full
    ID.

    GitError names repository and ref. Leaves a ``.git`` in the directory, with that one commit only where the server
    allows it.
    """
    check_repo_url(url)
    wanted = check_repo_ref(ref) if ref else "HEAD"
    if shutil.which("git") is None:
        raise GitError(f"Program git is missing on the controller: install it to fetch {url}.")
    git = Git(directory, url, wanted, timeout)
    git.run("init", "--quiet", "--", directory)
    git.fetch()
    commit = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{git.fetched}^{{commit}}")[-1].strip()
    git.run("checkout", "--quiet", "--detach", "--force", commit)
    return commit


class Git:
    """Calls of git in one directory, for one repository and ref."""

    def __init__(self, directory: str, url: str, ref: str, timeout: float) -> None:
        self._directory, self._url, self._ref = Path(directory), url, ref
        self._deadline = Deadline(timeout)
        self.fetched = "FETCH_HEAD"

    def fetch(self) -> None:
        """Get the commit alone; where a server does not hand out a commit by its ID, all branches and tags."""
        options = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-commit-graph")
        try:
            self.run(*options, "--depth=1", "--", self._url, self._ref)
        except GitError as error:
            if not _COMMIT.fullmatch(self._ref) or not error.extra.get("refused"):
                raise
            self.run(*options, "--", self._url, "+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*")
            self.fetched = self._ref

    def run(self, *words: str) -> list[str]:
        """The lines of a call; GitError if it fails, or if all calls together take too long."""
        command = ["git"]
        for setting in _SETTINGS:
            command += ["-c", setting]
        try:
            done = run(
                [*command, *words],
                what=f"Fetching {self._ref} of {self._url}",
                deadline=self._deadline,
                env=git_environment(),
                cwd=self._directory,
            )
        except HostError as error:
            raise GitError(f"{str(error).rstrip('.')}: look at the network, or raise timeout.") from None
        if done.code != 0:
            raise self._failure(done.lines)
        return done.lines

    def _failure(self, output: list[str]) -> GitError:
        text = "\n".join(output)
        lines = [line.strip() for line in output if line.strip()]
        tail = "\n".join(lines[-_TAIL_LINES:])
        lower = text.lower()
        if "couldn't find remote ref" in lower or "needed a single revision" in lower or not text.strip():
            return GitError(
                f"Repository {self._url} has no {self._ref}: give repo_ref an existing branch, tag or full commit ID.",
                log_tail=tail,
            )
        refused = "not our ref" in lower or "unadvertised object" in lower
        if refused:
            return GitError(
                f"Repository {self._url} has no commit {self._ref}, or does not hand it out: give repo_ref a branch "
                "or tag.",
                log_tail=tail,
                refused=True,
            )
        if any(
            word in lower
            for word in (
                "authentication failed",
                "could not read username",
                "permission denied",
                "terminal prompts disabled",
            )
        ):
            return GitError(
                f"Repository {self._url} refused the credentials of the controller: set up a credential helper or an "
                "ssh key there.",
                log_tail=tail,
            )
        reason = next(
            (line for line in reversed(lines) if line.startswith(("fatal:", "error:", "ssh:"))),
            lines[-1] if lines else "no message",
        )
        reason = reason.removeprefix("fatal: ").removeprefix("error: ").rstrip(".")
        return GitError(f"Fetching {self._ref} of {self._url} failed: {reason}.", log_tail=tail)


def git_environment() -> dict[str, str]:
    """The environment of git: nothing may ask, and no other transport can be allowed by it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    return {
        **kept,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "https:ssh",
        "SSH_ASKPASS_REQUIRE": "never",
        "LC_ALL": "C.UTF-8",
        "GIT_LFS_SKIP_SMUDGE": "0",
    }


# What users set on the controller for access to their servers.
_KEPT = frozenset(
    {
        "GIT_ASKPASS",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
        "GIT_SSL_CERT",
        "GIT_SSL_KEY",
        "GIT_PROXY_SSL_CAINFO",
    }
)
