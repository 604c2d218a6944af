# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start one process of a LangGraph server: stock langgraph-api on the MIT Postgres and Redis runtime.

    python start.py api   --revision-dir D --connections F (--slot blue | --port P) [--host H] [--drain-timeout S]
    python start.py queue --revision-dir D --connections F (--slot blue-1 | --port P) [--jobs N] [--drain-timeout S]

A slot's port is looked up in ``ports.json`` beside F. Environment: of the process only what belongs to the host
(INHERITED), then ``env.json`` of the revision, then F (DATABASE_URI, REDIS_URI), byte for byte.
Added to the stock server, by replacing functions of the MIT runtime at run time (no file of any package is changed):

* SIGTERM drains. The API closes its port and lets answers and streams in flight end. The queue claims nothing more,
  lets running runs and webhooks end, and answers ``/ok`` meanwhile. Both within ``--drain-timeout`` seconds.
* A taken port, a graph that does not import, or a database that is not there ends the process with a non-zero status.
* Connections to Postgres are few and known: PG_POOL_SIZE (5) + PG_MAX_OVERFLOW (0) + CHECKPOINTER_POOL_SIZE (2)
  + STORE_POOL_SIZE (2) for each process.
* ``/metrics`` holds the ``lg_api_*`` series.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import logging.config
import os
import pathlib
import runpy
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator, Mapping
from typing import Any, NoReturn

DEFAULTS = {
    "LANGSMITH_TRACING": "false",
    "LOG_JSON": "true",
    "LOG_COLOR": "false",
    "LG_BG_JOB_HEARTBEAT": "30",
    "PG_POOL_SIZE": "5",
    "PG_MAX_OVERFLOW": "0",
    "CHECKPOINTER_POOL_SIZE": "2",
    "STORE_POOL_SIZE": "2",
}
INHERITED = frozenset(
    [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "all_proxy",
        "PYTHONUNBUFFERED",
        "PYTHONDONTWRITEBYTECODE",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "RUNTIME_DIRECTORY",
        "STATE_DIRECTORY",
        "CACHE_DIRECTORY",
        "CREDENTIALS_DIRECTORY",
    ]
)
METRICS_INTERVAL = 15.0  # seconds between two samples of the gauges
FAILED_START_GRACE = 1.0  # seconds that a failed start may take to clean up before the process is ended


def parse(argv: list[str]) -> argparse.Namespace:
    """Command line of this module."""
    parser = argparse.ArgumentParser(prog="start.py", description="Start one process of a LangGraph server.")
    parser.add_argument("role", choices=("api", "queue"))
    parser.add_argument("--revision-dir", required=True, help="directory that holds source, venv and env.json")
    parser.add_argument("--connections", required=True, help="JSON file with DATABASE_URI and REDIS_URI")
    port = parser.add_mutually_exclusive_group(required=True)
    port.add_argument("--slot", help="colour, or colour-number of a queue process: names its port in ports.json")
    port.add_argument("--port", type=int, help="API: port of the server; queue: port of /ok and /metrics")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--jobs", type=int, default=10, help="queue: runs at the same time")
    parser.add_argument("--drain-timeout", type=float, default=180.0, help="seconds for work in flight after SIGTERM")
    args = parser.parse_args(argv)
    if args.slot:
        ports = json.loads((pathlib.Path(args.connections).parent / "ports.json").read_bytes())
        try:
            args.port = int(ports[args.role][args.slot])
        except KeyError:
            parser.error(f"ports.json names no port for {args.role} {args.slot}")
    return args


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """What of the process' environment is the host's business; a user's shell must not leak into a server."""
    return {name: value for name, value in environ.items() if name in INHERITED or name.startswith("LC_")}


def load_environment(args: argparse.Namespace) -> None:
    """Make the environment of the server, and put PYTHONPATH into sys.path."""
    revision = pathlib.Path(args.revision_dir).resolve()
    given: dict[str, str] = json.loads((revision / "env.json").read_bytes())
    given.update(json.loads(pathlib.Path(args.connections).read_bytes()))
    own = {
        "LANGGRAPH_RUNTIME_EDITION": "pg",
        "N_JOBS_PER_WORKER": "0" if args.role == "api" else str(args.jobs),
        "PORT": str(args.port),
        "LANGGRAPH_SERVER_HOST": args.host,
    }
    wanted = {**DEFAULTS, **inherited(os.environ), **given, **own}
    os.environ.clear()
    for name, value in wanted.items():
        os.environb[name.encode("utf-8", "surrogateescape")] = value.encode("utf-8", "surrogateescape")
    here = str(pathlib.Path(__file__).resolve().parent)
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = list(dict.fromkeys([*paths, *(path for path in sys.path if path not in ("", here))]))
    working_dir = revision / "source"
    with contextlib.suppress(FileNotFoundError):
        working_dir = json.loads((revision / "meta.json").read_bytes()).get("working_dir") or working_dir
    os.chdir(working_dir)


def say(sentence: str) -> None:
    """A line in the log that does not depend on any package."""
    sys.stderr.write(f"start.py: {sentence}\n")


def check_port(host: str, port: int) -> None:
    """End at once when the port is taken: the queue would start, find its health port taken, and end with status 0."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SystemExit(f"port {port} on {host} cannot be used: {error.strerror}.") from error


# -- the runtime: connections, drain, metrics --------------------------------------------------------------------------


def limit_pools() -> None:
    """Give the checkpointer's and the store's pool the sizes of the environment (the runtime has 10 each, fixed)."""
    from langgraph_runtime_pg import checkpoint, store

    for module, name in ((checkpoint, "CHECKPOINTER_POOL_SIZE"), (store, "STORE_POOL_SIZE")):
        original = module.AsyncConnectionPool
        size = max(int(os.environ[name]), 1)

        def small(*args: Any, _original: Any = original, _size: int = size, **kwargs: Any) -> Any:
            return _original(*args, **{**kwargs, "min_size": 1, "max_size": _size})

        module.AsyncConnectionPool = small


def drain_queue(timeout: float) -> None:
    """Let runs and webhooks in flight end when the queue is told to stop (the runtime cancels them at once)."""
    import structlog
    from langgraph_runtime_pg import queue

    logger = structlog.stdlib.get_logger("langgraph.start")
    cancel_rest, claim = queue._shutdown_workers, queue._claim_and_dispatch

    async def shutdown_workers(webhooks: set[Any]) -> None:
        deadline = time.monotonic() + timeout
        if queue.get_num_workers():
            logger.info("Draining: waiting for runs in flight", runs=queue.get_num_workers(), seconds=timeout)
        while (queue.get_num_workers() or webhooks) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        if queue.get_num_workers():
            logger.warning("Drain time is over: runs in flight go back to the queue", runs=queue.get_num_workers())
        await cancel_rest(webhooks)

    async def claim_and_dispatch(*args: Any, **kwargs: Any) -> Any:
        # A stop between claim and start of a run would leave it "running" with nobody at work: a claim is finished.
        task = asyncio.ensure_future(claim(*args, **kwargs))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise

    queue._shutdown_workers = shutdown_workers
    queue._claim_and_dispatch = claim_and_dispatch


def keep_streams() -> None:
    """Let streams in flight end by themselves when the server stops (sse-starlette ends them at the signal)."""
    from sse_starlette.sse import AppStatus

    if hasattr(AppStatus, "enable_automatic_graceful_drain"):
        AppStatus.enable_automatic_graceful_drain = False


def worker_metrics() -> dict[str, dict[str, int]]:
    """Slots of this process; the runtime's own function answers with nothing, which breaks /metrics?format=json."""
    from langgraph_runtime_pg import queue

    slots, active = int(os.environ["N_JOBS_PER_WORKER"]), queue.get_num_workers()
    return {"workers": {"max": slots, "active": active, "available": max(slots - active, 0)}}


def start_metrics() -> Any:
    """Start the API package's own metrics; returns its reporter, or None when this version has none."""
    from langgraph_runtime_pg import metrics

    metrics.get_metrics = worker_metrics
    try:
        from langgraph_api.metrics_otlp import get_otlp_metrics_reporter

        reporter = get_otlp_metrics_reporter()
        reporter.initialize()
    except Exception as error:  # noqa: BLE001 - a server without metrics is better than none
        say(f"metrics are not available: {error}")
        return None
    return reporter


async def sample_metrics(reporter: Any, role: str) -> None:
    """Record the gauges that the runtime leaves out: slots on queue processes, depth of the queue on the API."""
    from langgraph_api import metrics_otlp
    from langgraph_runtime_pg import database, ops

    while True:
        try:
            if role == "queue":
                workers = worker_metrics()["workers"]
                reporter.record_gauge(metrics_otlp.GAUGE_WORKERS_MAX, workers["max"])
                reporter.record_gauge(metrics_otlp.GAUGE_WORKERS_ACTIVE, workers["active"])
                reporter.record_gauge(metrics_otlp.GAUGE_WORKERS_AVAILABLE, workers["available"])
            else:
                async with database.connect() as connection:
                    stats = await ops.Runs.stats(connection)
                reporter.record_gauge(metrics_otlp.GAUGE_NUM_PENDING_RUNS, stats["n_pending"])
                reporter.record_gauge(metrics_otlp.GAUGE_NUM_RUNNING_RUNS, stats["n_running"])
        except Exception as error:  # noqa: BLE001 - the next sample may succeed
            logging.getLogger("langgraph.start").debug("No sample of the metrics: %s", error)
        await asyncio.sleep(METRICS_INTERVAL)


# -- life of the process -----------------------------------------------------------------------------------------------


def end(status: int) -> NoReturn:
    """End the process now, whatever threads are left."""
    with contextlib.suppress(Exception):
        logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def end_soon(status: int) -> None:
    """End the process in FAILED_START_GRACE seconds unless it ends by itself."""

    def wait_and_end() -> None:
        time.sleep(FAILED_START_GRACE)
        end(status)

    threading.Thread(target=wait_and_end, name="end-after-failed-start", daemon=True).start()


def watch_start(reporter: Any, role: str) -> None:
    """Wrap the runtime's lifespan: a failed start ends the process, a good one begins to sample metrics."""
    from langgraph_runtime_pg import lifespan as module

    original = module.lifespan
    clean_up = module._shutdown_runtime

    @contextlib.asynccontextmanager
    async def lifespan(*args: Any, **kwargs: Any) -> AsyncIterator[None]:
        started = False
        sampler: asyncio.Task[None] | None = None
        try:
            async with original(*args, **kwargs):
                started = True
                if reporter is not None:
                    sampler = asyncio.get_running_loop().create_task(sample_metrics(reporter, role))
                yield
        except BaseException:
            if not started:
                end_soon(3)
            raise
        finally:
            if sampler is not None:
                sampler.cancel()

    async def shutdown_runtime(*args: Any, **kwargs: Any) -> None:
        if module.get_last_error() is not None:
            end_soon(3)
        await clean_up(*args, **kwargs)

    lifespan.get_last_error = module.get_last_error  # type: ignore[attr-defined]  # the maker puts it there too
    module._shutdown_runtime = shutdown_runtime
    module.lifespan = lifespan


def package_file(package: str, name: str) -> pathlib.Path:
    """A file that lies beside a package, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"the package {package} is not installed in this revision's environment.")
    return pathlib.Path(spec.submodule_search_locations[0]).parent / name


def run_api(args: argparse.Namespace) -> None:
    """Serve the API until SIGTERM or SIGINT; work in flight has ``--drain-timeout`` seconds."""
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: Any) -> None:
            if self.should_exit and sig == signal.SIGINT:
                self.force_exit = True
            self.should_exit = True

    config = uvicorn.Config(
        "langgraph_api.server:app",
        host=args.host,
        port=args.port,
        access_log=False,
        log_config=str(package_file("langgraph_api", "logging.json")),
        timeout_graceful_shutdown=max(int(args.drain_timeout), 1),
        server_header=False,
    )
    keep_streams()
    server = Server(config)
    server.run()
    if not server.started:
        end(3)


def run_queue() -> None:
    """Work on the queue until SIGTERM, by the stock entry point."""
    state = runpy.run_module("langgraph_api.queue_entrypoint", run_name="__main__", alter_sys=True)
    if "sigterm" not in str(state.get("shutdown_reason")):
        raise SystemExit(f"the queue ended by itself: {state.get('shutdown_reason')}.")


def main(argv: list[str]) -> None:
    """Run one process; never returns."""
    args = parse(argv)
    status: int | str | None = 0
    try:
        load_environment(args)
        check_port(args.host, args.port)
        limit_pools()
        drain_queue(args.drain_timeout)
        watch_start(start_metrics(), args.role)
        run_api(args) if args.role == "api" else run_queue()
    except SystemExit as stop:
        status = stop.code
        if isinstance(status, str):
            say(status)
    except KeyboardInterrupt:
        status = 130
    except BaseException:  # noqa: BLE001 - whatever it is, the process ends with its traceback and a status
        traceback.print_exc()
        status = 1
    end(status if isinstance(status, int) else 1 if status else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
