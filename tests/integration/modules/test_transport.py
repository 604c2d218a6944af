# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the HTTP adapter makes of networks, proxies and wrong addresses: one sentence with the address and never the
key. The other side is a socket that answers what a test lays ready.
"""

from __future__ import annotations

import datetime
import io
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    AccessDenied,
    AuthenticationError,
    Conflict,
    Held,
    InvalidInput,
    NotFound,
    ProtocolTooOld,
    RecordsError,
    RecordsUnavailable,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_http import HttpRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from tests.support.ports import free_port

KEY = "lgk-canary-key"
CHAT = "0b7e6f2e-3d5d-4c55-8b62-8c0f4a3f1a11"

Answer = tuple[int, dict[str, str], bytes]


class Scripted:
    """A server that gives one answer after the other (the last one for ever) and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": body}
                outer.asked.append(asked)
                status, headers, content = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if status == 0:  # hang up
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = _answer

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *args: Any) -> None:
                """Clients that hang up are what is tested here."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/api-host"

    def says(self, status: int, content: Any = b"", **headers: str) -> None:
        """Lay an answer ready."""
        kind = {} if isinstance(content, bytes) else {"Content-Type": "application/json"}
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.answers.append(
            (status, {**kind, **{name.replace("_", "-"): value for name, value in headers.items()}}, body)
        )

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def server() -> Iterator[Scripted]:
    scripted = Scripted()
    yield scripted
    scripted.close()


@pytest.fixture
def open_(monkeypatch: pytest.MonkeyPatch) -> Callable[..., HttpRecords]:
    """Open records at an address, without a proxy of the environment."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def _open(url: str, **options: Any) -> HttpRecords:
        records = open_records({"api_url": url, "api_key": KEY, "api_timeout": 5, **options})
        assert isinstance(records, HttpRecords)
        return records

    return _open


def sentence(error: RecordsError, url: str) -> str:
    """The sentence of an error: one line, with the address, without the key."""
    text = str(error)
    assert text.endswith("."), text
    assert "\n" not in text
    assert url in text
    assert KEY not in text + repr(error.extra)
    return text


def fails(records: HttpRecords, kind: type[RecordsError]) -> str:
    """Asking fails with this kind of error."""
    with pytest.raises(RecordsError) as caught:
        records.deployments()
    assert caught.type is kind
    return sentence(caught.value, records.transport.url)


# -- no answer ---------------------------------------------------------------------------------------------------------


def test_connection_refused(open_: Any) -> None:
    assert "refuses the connection" in fails(open_(f"http://127.0.0.1:{free_port()}"), RecordsUnavailable)


def test_unknown_host(open_: Any) -> None:
    assert "unknown host name" in fails(open_("http://no-such-host.invalid/api-host"), RecordsUnavailable)


def test_silence(open_: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        records = open_(f"http://127.0.0.1:{listening.getsockname()[1]}", api_timeout=1)
        text = fails(records, RecordsUnavailable)
    assert "did not answer within 1 s" in text
    assert "api_timeout" in text


def test_a_connection_that_breaks_is_tried_again(server: Scripted, open_: Any) -> None:
    server.says(0)
    server.says(0)
    server.says(200, {"resources": [], "offset": 0})
    assert open_(server.url).deployments() == []
    assert len(server.asked) == 3


def test_a_change_is_not_sent_twice(server: Scripted, open_: Any) -> None:
    server.says(0)
    with pytest.raises(RecordsUnavailable, match="broke off the connection"):
        open_(server.url).append_metrics(CHAT, [{"name": "requests", "value": 1}])
    assert len(server.asked) == 1


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that is its own authority, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "control plane")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def tls(server: Scripted, authority: Path) -> str:
    """The address of the server, which speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True, do_handshake_on_connect=False)
    server.says(200, {"resources": [], "offset": 0})
    return server.url.replace("http://", "https://")


def test_tls(tls: str, open_: Any, authority: Path) -> None:
    assert open_(tls, ca_path=str(authority)).deployments() == []
    assert open_(tls, validate_certs=False).deployments() == []
    text = fails(open_(tls), RecordsUnavailable)
    assert "certificate that is not trusted (self-signed certificate" in text
    assert "ca_path" in text
    name = fails(open_(tls.replace("127.0.0.1", "localhost"), ca_path=str(authority)), RecordsUnavailable)
    assert "not trusted" in name


def test_no_tls_where_it_is_expected(server: Scripted, open_: Any) -> None:
    text = fails(open_(server.url.replace("http://", "https://")), RecordsUnavailable)
    assert "over TLS" in text
    assert "http://" in text


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_bad_ca_path(open_: Any, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidInput, match=f"certificates in {path} cannot be used") as caught:
        open_("https://127.0.0.1:1", ca_path=str(path)).deployments()
    assert caught.value.extra["field"] == "ca_path"


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://h/x", "h", "https://", "https:///x", "http://h:x", "http://h:99999", "http://h/x?y", "http://h/#x"),
        *("http://user:lgk-canary-key@h/x", "http://h/a b", "http://hö.example", "file:///etc/passwd"),
    ],
)
def test_malformed_address(open_: Any, url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_(url)
    assert caught.value.extra["field"] == "api_url"
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", ["a b", "a\nb", "ü", "\x00", " "])
def test_malformed_key(open_: Any, key: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_("http://h", api_key=key)
    assert caught.value.extra["field"] == "api_key"
    assert key.strip() not in str(caught.value) or not key.strip()


# -- answers of others -------------------------------------------------------------------------------------------------

PAGE = b"<!DOCTYPE html><html><body>Sign in</body></html>"


@pytest.mark.parametrize(
    ("status", "content", "kind", "words"),
    [
        (200, PAGE, InvalidInput, "text/html with status 200"),
        (400, PAGE, InvalidInput, "text/html with status 400"),
        (404, PAGE, InvalidInput, "/api-host"),
        (404, {"detail": "Not Found"}, InvalidInput, "/api-host"),
        (502, PAGE, RecordsUnavailable, "through its proxy (status 502)"),
        (500, PAGE, RecordsUnavailable, "failed at GET /v2/deployments (status 500)"),
        (500, {"detail": "Internal Server Error"}, RecordsUnavailable, "see its log"),
        (401, PAGE, AuthenticationError, "does not accept the API key:"),
        (403, PAGE, InvalidInput, "status 403"),
        (403, {"detail": "Forbidden by proxy"}, AccessDenied, "(Forbidden by proxy)"),
        (413, PAGE, InvalidInput, "finds the request too big"),
    ],
)
def test_what_stands_in_between(
    server: Scripted, open_: Any, status: int, content: Any, kind: type[RecordsError], words: str
) -> None:
    if isinstance(content, bytes):
        server.says(status, content, Content_Type="text/html; charset=utf-8", Retry_After="0")
    else:
        server.says(status, content)
    assert words in fails(open_(server.url), kind)


def test_a_redirect_is_not_followed(server: Scripted, open_: Any) -> None:
    server.says(307, Location="https://elsewhere.example/v2/deployments?token=x")
    text = fails(open_(server.url), InvalidInput)
    assert "redirects /v2/deployments to https://elsewhere.example/v2/deployments, which is not followed" in text
    assert len(server.asked) == 1


# -- answers of the control plane --------------------------------------------------------------------------------------


def told(code: str, message: str, detail: str | None = None, **extra: Any) -> dict[str, Any]:
    """An error of the control plane."""
    return {"detail": detail or message, "code": code, "message": message, "extra": extra}


def test_the_key_is_not_accepted(server: Scripted, open_: Any) -> None:
    server.says(401, told("unauthenticated", "The API key has expired; make another one."))
    text = fails(open_(server.url), AuthenticationError)
    assert "(The API key has expired; make another one)" in text
    assert "LANGSMITH_API_KEY" in text


def test_a_permission_is_missing(server: Scripted, open_: Any) -> None:
    server.says(403, told("forbidden", "The key reader may not do this; ask.", permission="deployments:create"))
    with pytest.raises(AccessDenied, match=r"lacks the permission deployments:create\)\.$"):
        open_(server.url).deployments()
    server.says(403, told("forbidden", "The key lacks deployments:read; ask.", permission="deployments:read"))
    server.answers.pop(0)
    with pytest.raises(AccessDenied, match=r"^The key lacks deployments:read; ask\.$"):
        open_(server.url).deployments()


def test_both_versions_of_the_protocol(server: Scripted, open_: Any) -> None:
    server.says(426, told("protocol_too_old", "Too old; update.", client_protocol=1, server_protocol=2))
    with pytest.raises(ProtocolTooOld) as caught:
        open_(server.url).renew(CHAT, 1)
    assert (caught.value.extra["client_protocol"], caught.value.extra["server_protocol"]) == (1, 2)
    assert server.asked[0]["headers"]["X-Work-Protocol"] == "1"


def test_a_sentence_of_the_control_plane_stays_as_it_is(server: Scripted, open_: Any) -> None:
    server.says(409, told("conflict", "This is so; do that.", "the vendor's text", names=["a"]))
    with pytest.raises(Conflict, match=r"^This is so; do that\.$") as caught:
        open_(server.url).deployments()
    assert caught.value.extra == {"names": ["a"]}


def test_a_request_that_does_not_fit(server: Scripted, open_: Any) -> None:
    server.says(422, {"detail": [{"loc": ["query", "limit"], "msg": "Too big", "type": "t", "input": KEY}]})
    with pytest.raises(InvalidInput, match=r"^limit is refused by the control plane: Too big\.$"):
        open_(server.url).deployments(limit=1000)


# -- busy --------------------------------------------------------------------------------------------------------------


def test_a_busy_control_plane_is_asked_again(server: Scripted, open_: Any) -> None:
    busy = told("records_unavailable", "All connections are in use; try again.")
    server.says(503, busy, Retry_After="0")
    server.says(503, busy)
    server.says(200, {"resources": [], "offset": 0})
    assert open_(server.url).deployments() == []
    assert len(server.asked) == 3
    assert len({asked["headers"]["X-Request-Id"] for asked in server.asked}) == 3


def test_but_not_for_ever(server: Scripted, open_: Any) -> None:
    server.says(503, told("records_unavailable", "All connections are in use; try again."), Retry_After="0")
    with pytest.raises(RecordsUnavailable, match="All connections are in use"):
        open_(server.url).deployments()
    assert len(server.asked) == 4


def test_and_not_with_a_change(server: Scripted, open_: Any) -> None:
    server.says(503, told("records_unavailable", "All connections are in use; try again."), Retry_After="0")
    with pytest.raises(RecordsUnavailable):
        open_(server.url).redeploy_revision(CHAT, None)
    made = [asked for asked in server.asked if asked["method"] == "POST"]
    assert made == []  # the look before it was refused already
    server.asked.clear()
    with pytest.raises(RecordsUnavailable):
        open_(server.url).append_metrics(CHAT, [{"name": "requests", "value": 1}])
    assert len(server.asked) == 1


# -- what is sent ------------------------------------------------------------------------------------------------------


def test_headers(server: Scripted, open_: Any) -> None:
    server.says(200, {"resources": [], "offset": 0})
    open_(server.url + "/", workspace="team", actor="Zoë\n#17").deployments(name_contains="a&b=ü", status=None)
    sent = server.asked[0]
    assert sent["path"] == "/api-host/v2/deployments?name_contains=a%26b%3D%C3%BC&limit=20&offset=0"
    assert sent["headers"]["X-Api-Key"] == KEY
    assert sent["headers"]["X-Tenant-Id"] == "team"
    assert sent["headers"]["X-Langgraph-Actor"].encode("latin-1").decode() == "Zoë #17"
    open_(server.url).deployments()
    assert "X-Tenant-Id" not in server.asked[1]["headers"]
    assert "X-Langgraph-Actor" not in server.asked[1]["headers"]


def test_credentials_of_netrc_are_left_out(server: Scripted, open_: Any, monkeypatch: Any, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.says(200, {"resources": [], "offset": 0})
    open_(server.url).deployments()
    assert "Authorization" not in server.asked[0]["headers"]


def test_a_base_path_is_kept(server: Scripted, open_: Any) -> None:
    server.says(200, {"resources": [], "offset": 0})
    open_(server.url.replace("/api-host", "/base/api-host///")).deployments()
    open_(server.url.replace("/api-host", "")).deployments()
    assert [asked["path"].partition("?")[0] for asked in server.asked] == [
        "/base/api-host/v2/deployments",
        "/v2/deployments",
    ]


def test_nothing_of_the_schema_goes_this_way(open_: Any) -> None:
    records = open_("http://127.0.0.1:1/api-host")
    for call in (records.schema_status, records.migrate, records.rotate_keys):
        with pytest.raises(InvalidInput, match=r"give dsn and encryption_key_file instead of api_url\.$"):
            call()


# -- claims of owners that may be dead ---------------------------------------------------------------------------------

HERE = {"host": "h", "boot_id": "b", "pid": 1, "start_time": 2}
GONE = {**HERE, "pid": 3}


def claims_asked(server: Scripted) -> list[Any]:
    return [json.loads(asked["body"]).get("dead") for asked in server.asked]


def test_suspects_are_judged_here_and_asked_again_with(server: Scripted, open_: Any) -> None:
    server.says(200, {"protocol": 1, "claims": [], "suspects": [HERE, GONE]})
    claim = {"public": {"claim_id": "1"}, "private": {}}
    server.says(200, {"protocol": 1, "claims": [claim], "suspects": [HERE]})
    found = open_(server.url).claim(owner=HERE, is_dead=lambda owner: owner["pid"] == 3)
    assert found == [claim]
    assert claims_asked(server) == [[], [GONE]]


def test_a_holder_that_is_dead_holds_nothing(server: Scripted, open_: Any) -> None:
    server.says(409, told("held", "Held; wait.", deployment="chat", owner="x", since="y", suspects=[GONE]))
    server.says(200, {"protocol": 1, "claims": [], "suspects": []})
    assert open_(server.url).claim(["chat"], owner=HERE, is_dead=lambda owner: True) == []
    assert claims_asked(server) == [[], [GONE]]


def test_a_holder_that_lives_holds_on(server: Scripted, open_: Any) -> None:
    server.says(409, told("held", "Held; wait.", deployment="chat", owner="x", since="y", suspects=[HERE]))
    with pytest.raises(Held) as caught:
        open_(server.url).claim(["chat"], owner=HERE, is_dead=lambda owner: False)
    assert caught.value.extra == {"deployment": "chat", "owner": "x", "since": "y"}
    assert len(server.asked) == 1


def test_a_preview_is_not_given_twice(server: Scripted, open_: Any) -> None:
    claim = {"public": {"claim_id": ""}, "private": {}}
    server.says(200, {"protocol": 1, "claims": [claim], "suspects": [GONE]})
    server.says(200, {"protocol": 1, "claims": [claim, claim], "suspects": [GONE]})
    assert len(open_(server.url).claim(owner=HERE, preview=True, is_dead=lambda owner: True)) == 2


def test_no_more_than_the_limit(server: Scripted, open_: Any) -> None:
    claim = {"public": {"claim_id": "1"}, "private": {}}
    server.says(200, {"protocol": 1, "claims": [claim], "suspects": [GONE]})
    server.says(200, {"protocol": 1, "claims": [claim], "suspects": []})
    assert len(open_(server.url).claim(owner=HERE, limit=2, is_dead=lambda owner: True)) == 2
    assert [json.loads(asked["body"])["limit"] for asked in server.asked] == [2, 1]


# -- sources -----------------------------------------------------------------------------------------------------------


def test_a_source_is_not_sent_if_it_is_none(server: Scripted, open_: Any) -> None:
    with pytest.raises(InvalidInput, match="source tarball"):
        open_(server.url).put_source(io.BytesIO(b"no tarball"))
    assert server.asked == []


def test_a_source_that_breaks_off_is_noticed(server: Scripted, open_: Any) -> None:
    server.says(200, b"half")
    with pytest.raises(RecordsUnavailable, match="broke off on its way"):
        list(open_(server.url).open_source("0" * 64))


def test_whether_a_source_is_there(server: Scripted, open_: Any) -> None:
    server.says(404)
    server.says(200)
    records = open_(server.url)
    assert records.has_source("0" * 64) is False
    assert records.has_source("0" * 64) is True
    assert [asked["method"] for asked in server.asked] == ["HEAD", "HEAD"]


def test_a_source_that_is_not_there(server: Scripted, open_: Any) -> None:
    server.says(404, told("not_found", "There is no such source; store it.", kind="source"))
    with pytest.raises(NotFound):
        open_(server.url).open_source("0" * 64)


# -- what it needs -----------------------------------------------------------------------------------------------------


def test_neither_a_driver_nor_cryptography_is_needed() -> None:
    script = """
import sys
sys.modules.update(dict.fromkeys(("psycopg", "cryptography", "yaml", "jinja2")))
prefix = "ansible_collections.selfhosted.langgraph.plugins."
import importlib
for name in ("deployment", "revision", "work_claim", "work_report", "work_source", "api_key", "workspace"):
    importlib.import_module(f"{prefix}modules.{name}")
open_records = importlib.import_module(f"{prefix}module_utils._records_open").open_records
opened = open_records({"api_url": "http://h", "api_key": "k"})
assert type(opened).__name__ == "HttpRecords"
print("fine")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "fine\n", done.stderr
