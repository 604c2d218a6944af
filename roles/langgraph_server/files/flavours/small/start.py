# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand in for one process of a LangGraph server: flavour `small`, Python's standard library only.

    python start.py api   --revision-dir D --connections F (--slot blue | --port P) [--host H] [--drain-timeout S]
    python start.py queue --revision-dir D --connections F (--slot blue-1 | --port P) [--jobs N] [--drain-timeout S]

Answers to GET: ``/ok``, ``/info`` (with the revision's id), ``/metrics``, ``/env`` (the variables that SMALL_SHOW
names), ``/sleep/SECONDS``, ``/status/CODE``, ``/log/WORDS`` (writes them into the log).
Environment: that of the revision's ``env.json``. SMALL_START_FAILS=1 ends the process at its start, SMALL_START_SECONDS
is the time until it answers. SIGTERM closes the port and lets answers in flight end within ``--drain-timeout`` seconds.

Each start is one line of JSON in the file that SMALL_STARTS names, else in ``starts.log`` of the unit's state
directory, else in ``starts.log`` beside F. `epoch` is the host's; `worker` is the epoch of the claim whose step holds
the deployment's lock at that moment, null when the platform itself starts the process.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import signal
import socket
import sys
import threading
import time
import urllib.parse
from typing import Any

ANSWERED: dict[str, float] = {"total": 0, "errors": 0, "seconds": 0.0, "running": 0}
LOCK = threading.Lock()
TEXT = "text/plain; charset=utf-8"


def parse(argv: list[str]) -> argparse.Namespace:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="start.py", description="Stand in for one process of a LangGraph server.")
    parser.add_argument("role", choices=("api", "queue"))
    parser.add_argument("--revision-dir", required=True, type=pathlib.Path)
    parser.add_argument("--connections", required=True, type=pathlib.Path)
    parser.add_argument("--slot", default="")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--drain-timeout", type=float, default=180.0)
    args = parser.parse_args(argv)
    if not args.port:
        ports = read(args.connections.parent / "ports.json")
        try:
            args.port = int(ports[args.role][args.slot])
        except KeyError:
            parser.error(f"ports.json names no port for {args.role} {args.slot}")
    return args


def read(path: pathlib.Path) -> dict[str, Any]:
    """The JSON object in a file, empty when there is none (or it may not be read)."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def read_number(path: pathlib.Path) -> int | None:
    """The number in a file, None when there is none (or it may not be read)."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def say(level: str, event: str, **more: object) -> None:
    """One line of the log."""
    line = {"event": event, "level": level, "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **more}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def note_start(args: argparse.Namespace, env: dict[str, str], meta: dict[str, Any]) -> None:
    """Write down that this process has begun; whole lines, whoever writes at the same time."""
    home = args.connections.parent
    line = {
        "at": time.time(),
        "pid": os.getpid(),
        "role": args.role,
        "slot": args.slot,
        "number": meta.get("number"),
        "revision": env.get("LANGSMITH_HOST_REVISION_ID"),
        "epoch": read_number(home / "epoch"),
        "worker": read(home / "work.lock").get("epoch"),
    }
    path = env.get("SMALL_STARTS") or f"{os.environ.get('STATE_DIRECTORY') or home}/starts.log"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        os.write(handle, (json.dumps(line) + "\n").encode())
        os.close(handle)
    except OSError as error:
        say("warning", f"The start cannot be written to {path}: {error.strerror}")


# -- answers -----------------------------------------------------------------------------------------------------------


def info(args: argparse.Namespace, env: dict[str, str]) -> dict[str, Any]:
    """What /info shows, in the words of the real server."""
    return {
        "version": "small-1",
        "flags": {"assistants": False, "crons": False, "langsmith": False},
        "host": {
            "kind": "self-hosted",
            "project_id": env.get("LANGSMITH_HOST_PROJECT_ID"),
            "host_revision_id": env.get("LANGSMITH_HOST_REVISION_ID"),
            "revision_id": None,
            "tenant_id": env.get("LANGSMITH_TENANT_ID"),
        },
        "graphs": sorted(json.loads(env.get("SMALL_GRAPHS") or "{}")),
        "slot": args.slot,
        "pid": os.getpid(),
    }


def metrics(args: argparse.Namespace, env: dict[str, str]) -> str:
    """Figures in the names of the real server."""
    with LOCK:
        found = dict(ANSWERED)
    labels = f'project_id="{env.get("LANGSMITH_HOST_PROJECT_ID", "")}"'
    good = found["total"] - found["errors"]
    lines = [
        f'lg_api_http_requests_total{{{labels},method="GET",status="200"}} {good}',
        f'lg_api_http_requests_total{{{labels},method="GET",status="500"}} {found["errors"]}',
        f"lg_api_http_requests_latency_seconds_sum{{{labels}}} {found['seconds']:.6f}",
        f"lg_api_http_requests_latency_seconds_count{{{labels}}} {found['total']}",
        f"lg_api_num_pending_runs{{{labels}}} 0",
        f"lg_api_num_running_runs{{{labels}}} 0",
    ]
    if args.role == "queue":
        lines += [f"lg_api_workers_max{{{labels}}} {args.jobs}", f"lg_api_workers_active{{{labels}}} 0"]
    return "\n".join(lines) + "\n"


def answer(args: argparse.Namespace, env: dict[str, str], path: str) -> tuple[int, str, str]:
    """(status, media type, body) of one GET."""
    head, _slash, rest = path.strip("/").partition("/")
    if head == "ok":
        return 200, "application/json", '{"ok":true}'
    if head == "metrics":
        return 200, TEXT, metrics(args, env)
    if args.role == "api" and head == "info":
        return 200, "application/json", json.dumps(info(args, env))
    if args.role == "api" and head == "env":
        names = [name.strip() for name in env.get("SMALL_SHOW", "").split(",") if name.strip()]
        return 200, "application/json", json.dumps({name: env.get(name) for name in names})
    if args.role == "api" and head == "sleep" and rest.replace(".", "", 1).isdigit():
        time.sleep(float(rest))
        return 200, TEXT, "awake\n"
    if args.role == "api" and head == "status" and rest.isdigit() and 200 <= int(rest) <= 599:
        return int(rest), TEXT, f"{rest}\n"
    if args.role == "api" and head == "log":
        say("info", rest[:8000])
        return 200, TEXT, "written\n"
    return 404, "application/json", '{"detail":"Not Found"}'


def serve_one(args: argparse.Namespace, env: dict[str, str], connection: socket.socket) -> None:
    """Read one request, answer it, close."""
    started = time.monotonic()
    with connection:
        try:
            connection.settimeout(30)
            text = b""
            while b"\r\n\r\n" not in text and len(text) < 65536:
                part = connection.recv(65536)
                if not part:
                    return
                text += part
            words = text.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
            if len(words) != 3:
                found = (400, TEXT, "Bad Request\n")
            elif words[0] not in ("GET", "HEAD"):
                found = (405, TEXT, "Method Not Allowed\n")
            else:
                found = answer(args, env, urllib.parse.unquote(words[1].partition("?")[0]))
            status, media, body = found
            data = body.encode()
            head = f"HTTP/1.1 {status} -\r\ncontent-type: {media}\r\ncontent-length: {len(data)}\r\n"
            head += "connection: close\r\n\r\n"
            connection.sendall(head.encode() + (b"" if words[0] == "HEAD" else data))
        except OSError:
            return
        finally:
            with LOCK:
                ANSWERED["running"] -= 1
    if len(words) == 3 and words[1].split("?")[0] not in ("/ok", "/metrics"):
        with LOCK:
            ANSWERED["total"] += 1
            ANSWERED["errors"] += status >= 500
            ANSWERED["seconds"] += time.monotonic() - started


def run(args: argparse.Namespace, env: dict[str, str], meta: dict[str, Any]) -> None:
    """Serve until SIGTERM or SIGINT."""
    if env.get("SMALL_START_FAILS", "") not in ("", "0"):
        raise SystemExit("SMALL_START_FAILS is set.")
    family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
    # bound before anything is noted: of two processes on one port one ends here
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((args.host, args.port))
        note_start(args, env, meta)
        time.sleep(float(env.get("SMALL_START_SECONDS") or 0))
        server.listen(128)
    except OSError as error:
        raise SystemExit(f"port {args.port} on {args.host} cannot be used: {error.strerror}.") from error
    ending = threading.Event()

    def end(number: int, frame: object) -> None:
        if not ending.is_set():
            ending.set()
            server.shutdown(socket.SHUT_RDWR)  # wakes accept, and refuses whoever comes now

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    say("info", "Serving", role=args.role, slot=args.slot, port=args.port, revision=meta.get("number"))
    while not ending.is_set():
        try:
            connection = server.accept()[0]
        except OSError:
            if ending.is_set():
                break
            raise
        with LOCK:
            ANSWERED["running"] += 1
        threading.Thread(target=serve_one, args=(args, env, connection), daemon=True).start()
    server.close()
    deadline = time.monotonic() + args.drain_timeout
    while ANSWERED["running"] > 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    say("info", "Ended", role=args.role, slot=args.slot, unanswered=ANSWERED["running"])


def main(argv: list[str]) -> None:
    """Run one process."""
    args = parse(argv)
    try:
        run(args, read(args.revision_dir / "env.json"), read(args.revision_dir / "meta.json"))
    except SystemExit as stop:
        if isinstance(stop.code, str):
            say("error", stop.code)
            sys.exit(3)
        raise


if __name__ == "__main__":
    main(sys.argv[1:])
