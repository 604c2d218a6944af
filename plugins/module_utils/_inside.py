# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: what runs inside a revision's venv, as its own process: import check, Postgres and Redis checks.

The text of this file is handed to the venv's Python (`python -c`), so it imports nothing but the standard library
before it is asked to. Request: JSON on stdin. Answer: JSON on the file descriptor RESULT_FD; stdout and stderr
belong to the user's code.

Request: {"objects": [[what, "/a/b.py:x" | "pkg.mod:x"], ...], "modules": [..], "strip": "/dir/",
          "database_uri", "postgres_minimum", "connections", "redis_uri", "redis_minimum"}; every key may be missing.
Answer: {"findings": [{"check", "ok", "message"}, ...]}
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import typing as t

Finding = dict[str, t.Any]


def finding(check: str, ok: bool, message: str) -> Finding:
    return {"check": check, "ok": ok, "message": message}


def check_imports(request: dict[str, t.Any]) -> list[Finding]:
    """Import what langgraph.json names, the way the server does; stops at the first failure."""
    strip = request.get("strip") or ""
    found: list[Finding] = []
    for what, reference in request.get("objects") or []:
        try:
            _import_object(reference)
        except BaseException as error:  # noqa: BLE001 - user code may raise anything, SystemExit included
            traceback.print_exc()
            return [*found, finding("import", False, f"{what} cannot be imported: {_cause(error, strip)}.")]
        found.append(finding("import", True, f"{what} can be imported."))
    for module in request.get("modules") or []:
        try:
            __import__(module)
        except BaseException as error:  # noqa: BLE001 - it imports user code, which may raise anything
            traceback.print_exc()
            return [*found, finding("import", False, f"The server cannot be imported: {_cause(error, strip)}.")]
    return found


def _import_object(reference: str) -> None:
    import importlib
    import importlib.util

    place, _colon, attribute = reference.rpartition(":")
    if place.endswith(".py"):
        # The name that langgraph_api gives such a module: pickled state may refer to it.
        name = place.replace("/", "__").replace(".py", "").replace(" ", "_").lstrip(".")
        spec = importlib.util.spec_from_file_location(name, place)
        if spec is None or spec.loader is None:
            raise ImportError(f"{place} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(place)
    if not hasattr(module, attribute):
        names = [name for name in vars(module) if not name.startswith("_")]
        raise AttributeError(
            f"{os.path.basename(place)} has no {attribute}, it has {', '.join(names[:12]) or 'nothing'}"
        )


def _cause(error: BaseException, strip: str) -> str:
    """'ModuleNotFoundError: No module named x (agent.py:3)' - the deepest line that is the user's own."""
    where = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if strip and frame.filename.startswith(strip):
            where = f" ({frame.filename[len(strip) :]}:{frame.lineno})"
    if isinstance(error, SyntaxError) and error.filename:
        name = error.filename[len(strip) :] if strip and error.filename.startswith(strip) else error.filename
        return f"SyntaxError: {error.msg} ({name}:{error.lineno})"
    text = " ".join(str(error).split()).rstrip(".")
    if len(text) > 400:
        text = f"{text[:400]}..."
    return f"{type(error).__name__}{': ' if text else ''}{text}{where}"


def check_postgres(request: dict[str, t.Any]) -> list[Finding]:
    uri = request.get("database_uri")
    if not uri:
        return []
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        info = conninfo_to_dict(uri)
    except psycopg.Error:
        return [finding("postgres", False, "The database address is malformed; correct database_uri.")]
    place = f"{info.get('host') or 'local socket'}:{info.get('port') or 5432}"
    name, role = info.get("dbname") or "", info.get("user") or ""
    try:
        with psycopg.connect(uri, connect_timeout=10, autocommit=True) as connection:
            return _postgres_facts(connection, request, place, str(name), str(role))
    except psycopg.Error as error:
        return [
            finding(
                "postgres", False, _postgres_cause(error, place, str(name), str(role), str(info.get("password") or ""))
            )
        ]


def _postgres_cause(error: Exception, place: str, name: str, role: str, password: str) -> str:
    text = " ".join(str(error).split())
    state = getattr(error, "sqlstate", None)
    if password:
        text = text.replace(password, "********")
    if state == "28P01" or "password authentication failed" in text:
        return f"Postgres at {place} refuses the password of role {role}; give the role the password of the records."
    if (
        state == "53300"
        or "too many clients" in text
        or "too many connections" in text
        or "remaining connection slots" in text
    ):
        return f"Postgres at {place} is out of connections for role {role}; raise max_connections or the role's limit."
    if state == "3D000" or ("database" in text and "does not exist" in text):
        return f"Postgres at {place} has no database {name}; run role langgraph_postgres for this deployment."
    if "role" in text and "does not exist" in text:
        return f"Postgres at {place} has no role {role}; run role langgraph_postgres for this deployment."
    if "starting up" in text or "shutting down" in text or "recovery" in text:
        return f"Postgres at {place} is not ready ({text[-120:]}); wait and run again."
    return f"Postgres at {place} does not answer ({text[-300:]}); start it, or correct its address."


# Of other roles' sessions an ordinary role sees who, but not of what kind: background processes have no user.
FACTS = """
select has_database_privilege(current_database(), 'CREATE'),
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
       (select rolconnlimit from pg_roles where rolname = current_user),
       (select count(*) from pg_stat_activity where usesysid is not null and usename <> current_user)
"""


def _postgres_facts(connection: t.Any, request: dict[str, t.Any], place: str, name: str, role: str) -> list[Finding]:
    version = connection.info.server_version
    minimum = int(request.get("postgres_minimum") or 0)
    text = f"Postgres at {place} is {_postgres_version(version)}"
    if version < minimum:
        text += f", the server needs {_postgres_version(minimum)}; upgrade it"
    found = [finding("postgres_version", version >= minimum, f"{text}.")]
    may_create, may_tables, slots, limit, others = connection.execute(FACTS).fetchone()
    if may_tables or may_create:
        found.append(finding("postgres_rights", True, f"Role {role} may create tables in database {name}."))
    else:
        text = f"Role {role} may not create tables in database {name}; let it own the database."
        found.append(finding("postgres_rights", False, text))
    need = int(request.get("connections") or 0)
    if need:
        found.append(_budget(place, role, need, slots, others, limit))
    return found


def _postgres_version(number: int) -> str:
    return f"{number // 10000}.{number % 10000}"


def _budget(place: str, role: str, need: int, slots: int, others: int, limit: int) -> Finding:
    """`slots`: of the whole server; `others`: taken by other roles; `limit`: of the role, -1 for none."""
    text = f"The servers need {need} connections but "
    if 0 <= limit < need:
        text += f"role {role} may have {limit}; raise its limit or lower the pool."
    elif need > slots:
        text += f"Postgres at {place} has {slots}; raise max_connections or lower the pool."
    elif need > slots - others:
        left = max(0, slots - others)
        text += f"Postgres at {place} has {left} of {slots} left; raise max_connections or lower the pool."
    else:
        text = f"{need} connections are needed, {slots - others} of {slots} are free."
        return finding("postgres_connections", True, text)
    return finding("postgres_connections", False, text)


def check_redis(request: dict[str, t.Any]) -> list[Finding]:
    uri = request.get("redis_uri")
    if not uri:
        return []
    import redis

    try:
        client = redis.Redis.from_url(uri, socket_connect_timeout=10, socket_timeout=10)
    except ValueError:
        return [finding("redis", False, "The Redis address is malformed; correct redis_uri.")]
    options = client.connection_pool.connection_kwargs
    place = options.get("path") or f"{options.get('host')}:{options.get('port')}"
    try:
        client.ping()
    except redis.exceptions.AuthenticationError:
        return [finding("redis", False, f"Redis at {place} refuses the password; give it the password of the records.")]
    except redis.exceptions.RedisError as error:
        text = " ".join(str(error).split())
        if "NOAUTH" in text or "WRONGPASS" in text or "invalid username-password" in text:
            return [
                finding("redis", False, f"Redis at {place} refuses the password; give it the password of the records.")
            ]
        return [
            finding(
                "redis", False, f"Redis at {place} does not answer ({text[-200:]}); start it, or correct its address."
            )
        ]
    found = [finding("redis", True, f"Redis at {place} answers.")]
    try:
        version = str(client.info("server")["redis_version"])
    except redis.exceptions.RedisError:
        return found  # an ACL may forbid INFO; the server does not need it
    minimum = str(request.get("redis_minimum") or "0")
    ok = _numbers(version) >= _numbers(minimum)
    message = f"Redis at {place} is {version}" + ("." if ok else f", the server needs {minimum}; upgrade it.")
    return [*found, finding("redis_version", ok, message)]


def _numbers(version: str) -> list[int]:
    return [int("".join(c for c in part if c.isdigit()) or 0) for part in version.split(".")]


def answer(request: dict[str, t.Any]) -> list[Finding]:
    found: list[Finding] = []
    for check in (check_postgres, check_redis, check_imports):
        try:
            found += check(request)
        except ImportError as error:
            found.append(
                finding(check.__name__[6:], False, f"The revision's venv lacks a driver ({error}); stage it again.")
            )
    return found


def main() -> None:
    request = json.load(sys.stdin)
    sys.path[1:1] = [part for part in request.get("python_path") or [] if part not in sys.path]
    out = int(os.environ.pop("RESULT_FD"))
    os.set_inheritable(out, False)
    code = 0
    try:
        result = {"findings": answer(request)}
    except BaseException as error:  # noqa: BLE001 - whatever happens, there is an answer
        traceback.print_exc()
        result, code = {"findings": [finding("probe", False, f"The check failed: {_cause(error, '')}.")]}, 1
    sys.stdout.flush()
    sys.stderr.flush()
    with os.fdopen(out, "w", encoding="utf-8") as file:
        json.dump(result, file)
    os._exit(code)  # threads that user code left running must not keep us


if __name__ == "__main__":
    main()
