# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quickstart: `up` makes and serves the example agent on this machine, `down [--purge]` ends it.

Standard library only until .venv is there; then the script goes on with its Python.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import preflight
import settings as places
import stack
from progress import STARTED, Progress
from settings import CHECKOUT, VENV, QuickstartError, Settings


def up(progress: Progress) -> None:
    settings = places.load()
    if sys.prefix != str(VENV) or STARTED not in os.environ:
        progress.done(f"Preflight: {preflight.check(settings)}")
        made = subprocess.run([sys.executable, str(CHECKOUT / "scripts" / "venv.py"), "quickstart"], check=False)
        if made.returncode:
            raise QuickstartError("The Python environment .venv could not be made: see the lines above.")
        progress.done(f"Environment: {settings.shown(VENV)}")
        python = str(VENV / "bin" / "python")
        os.execve(python, [python, "-B", *sys.argv], {**os.environ, STARTED: str(progress.started)})
    with _alone(settings):
        _serve(places.load(), progress)


def _serve(settings: Settings, progress: Progress) -> None:
    import play  # these need the packages of .venv
    import talk

    places.write(settings)
    outcome = play.run(settings, progress)
    play.require(outcome, settings)
    result = json.loads(settings.result.read_text())
    progress.done("Talking to it")
    try:
        answer = talk.ask(result["url"])
    except Exception as error:
        raise QuickstartError(
            f"The agent at {result['url']} was deployed but does not answer ({error}): "
            f"see the logs in {settings.state.supervisor_dir}/log."
        ) from error
    print(talk.summary(settings, result, answer, outcome.changed, progress))


def down(purge: bool, progress: Progress) -> None:
    home = places.directory()
    if not (home / "state.json").exists() and not purge:
        print(f"There is no quickstart in {home}.")
        return
    if home.exists():
        settings = None
        with contextlib.suppress(QuickstartError):
            settings = _kept()
        supervisor_dir = settings.state.supervisor_dir if settings else str(home / "supervisor")
        ran = stack.stop(supervisor_dir)
        progress.done("Stopped" if ran else "Nothing was running")
        if purge:
            _remove(home, Path(supervisor_dir))
    if purge:
        shutil.rmtree(VENV, ignore_errors=True)
        for part in ("plugins", "scripts"):
            for compiled in list((CHECKOUT / part).rglob("__pycache__")):
                shutil.rmtree(compiled, ignore_errors=True)
        progress.done(f"Removed {home} and {VENV}")
    else:
        print("The data is kept: `make quickstart` starts it again, `make quickstart-down PURGE=1` removes it.")


def _kept() -> Settings:
    for variable in places.VARIABLES.values():
        os.environ.pop(variable, None)  # whatever they say, what is there is to be ended
    return places.load()


def _remove(home: Path, supervisor_dir: Path) -> None:
    """Remove the quickstart's directory; refuse one that does not look like one."""
    if not (home / "state.json").exists() and any(home.iterdir()):
        raise QuickstartError(f"{home} is no directory of a quickstart (it has no state.json): remove it by hand.")
    if supervisor_dir.is_symlink() and not supervisor_dir.is_relative_to(home):
        supervisor_dir.unlink()
        supervisor_dir.parent.rmdir()
    state = home / "state.json"
    kept = state.read_text() if state.exists() else None
    for entry in home.iterdir():
        if entry != state:  # the mark of a quickstart goes last
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    if kept is not None:
        state.unlink()
    home.rmdir()


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Two quickstarts in one directory at once: the second is told so."""
    settings.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with settings.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise QuickstartError(
                f"Another `make quickstart` works in {settings.directory}: wait for its end."
            ) from None
        yield


def main() -> int:
    parser = argparse.ArgumentParser(prog="quickstart", description=__doc__.splitlines()[0] if __doc__ else None)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up", help="make and serve the example agent")
    ending = verbs.add_parser("down", help="end it")
    ending.add_argument("--purge", action="store_true", help="remove everything it made, .venv too")
    arguments = parser.parse_args()
    progress = Progress()
    try:
        if arguments.verb == "up":
            up(progress)
        else:
            down(arguments.purge, progress)
    except QuickstartError as error:
        print(f"\nquickstart: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\nquickstart: interrupted; run it again to go on, or `make quickstart-down` to stop what runs.",
            file=sys.stderr,
        )
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
