# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources by the stock client's way (upload URL, PUT, PATCH), and by their SHA-256."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.control_plane.conftest import Place
from tests.support.control_plane import running_control_plane


def tarball(*members: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return stream.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


GOOD = tarball(("langgraph.json", b"{}"), ("agent.py", b"graph = None\n"))


def upload_url(place: Place, deployment: dict[str, Any]) -> dict[str, Any]:
    answer = place.admin.post(f"/v2/deployments/{deployment['id']}/upload-url", json={"supports_upload_headers": True})
    assert answer.status_code == 200, answer.text
    given: dict[str, Any] = answer.json()
    return given


def put(place: Place, given: dict[str, Any], content: Any) -> httpx.Response:
    with place.service.client("", event_hooks={"response": [place._check]}) as client:
        return client.put(given["upload_url"], content=content, headers=given.get("upload_headers"))


def test_the_way_of_the_stock_client(place: Place) -> None:
    made = place.create_empty()
    given = upload_url(place, made)
    assert given["upload_headers"] == {"Content-Type": "application/gzip"}
    # Its PUT is urllib's, without a key.
    request = urllib.request.Request(given["upload_url"], GOOD, {"Content-Type": "application/gzip"}, method="PUT")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    body = {"source_tarball_path": given["object_path"], "langgraph_config_path": "langgraph.json"}
    changed = place.admin.patch(
        f"/v2/deployments/{made['id']}",
        json={"revision_source": "internal_source", "source_revision_config": body, "secrets": []},
    ).json()
    sha256 = hashlib.sha256(GOOD).hexdigest()
    assert changed["source_sha256"] == changed["revision"]["source_sha256"] == sha256
    assert changed["source_revision_config"]["source_tarball_path"] == f"sources/{sha256}"
    assert place.admin.get(f"/v2/sources/{sha256}").content == GOOD
    assert place.claim()["claims"][0]["public"]["revision"]["source_sha256"] == sha256


def test_an_address_is_the_one_that_the_client_used(place: Place) -> None:
    path = f"/v2/deployments/{place.create_empty()['id']}/upload-url"
    behind = {"Host": "agents.test", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    given = place.admin.post(path, headers=behind).json()
    assert given["upload_url"].startswith("https://agents.test/api-host/v2/uploads/")


def test_an_upload_url_is_for_sources_only(place: Place) -> None:
    answer = place.admin.post(f"/v2/deployments/{place.create()['id']}/upload-url")
    assert answer.status_code == 400
    assert "only available for 'internal_source' source deployments" in answer.json()["detail"]


def test_a_token_fits_one_upload_once(place: Place) -> None:
    made = place.create_empty()
    given, other = upload_url(place, made), upload_url(place, made)
    wrong = given["upload_url"].partition("?")[0] + "?" + other["upload_url"].partition("?")[2]
    assert put(place, {"upload_url": wrong}, GOOD).status_code == 403
    assert put(place, {"upload_url": given["upload_url"].partition("?")[0]}, GOOD).status_code == 422
    assert put(place, given, GOOD).status_code == 200
    assert put(place, given, GOOD).status_code == 409


def test_an_upload_expires(place: Place, tables: Any) -> None:
    given = upload_url(place, place.create_empty())
    tables(
        "update control_plane.uploads set expires_at = now() where id = %s returning 1 as done",
        given["object_path"][8:],
    )
    late = put(place, given, GOOD)
    assert late.status_code == 409
    assert "expired" in late.json()["detail"]


def test_a_path_is_of_its_own_deployment_and_was_uploaded(place: Place) -> None:
    made, other = place.create_empty("mine"), place.create_empty("other")
    given = upload_url(place, other)
    put(place, given, GOOD)
    unused = upload_url(place, made)
    for path in (given["object_path"], unused["object_path"], "sources/" + "0" * 64, "../etc/passwd", "uploads/x"):
        answer = place.admin.patch(
            f"/v2/deployments/{made['id']}", json={"source_revision_config": {"source_tarball_path": path}}
        )
        assert answer.status_code in (400, 404), (path, answer.text)
        assert answer.json()["detail"]
    assert place.admin.get(f"/v2/deployments/{made['id']}").json()["latest_revision_id"] is None


def bomb() -> bytes:
    """A few kilobytes that unpack to more than a source may hold."""
    info = tarfile.TarInfo("zeros")
    info.size = 3 * 1024**3
    return gzip.compress(info.tobuf() + b"\0" * 1024 * 1024)


def header_bomb() -> bytes:
    """Less than a megabyte with a header of hundreds of them."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 300 * 1024**2
    return gzip.compress(info.tobuf() + b"\0" * info.size, compresslevel=1)


BAD = {
    "no archive": b"hello",
    "empty": b"",
    "cut off": GOOD[: len(GOOD) // 2],
    "tampered": GOOD[:40] + b"\x00\x01\x02" + GOOD[43:],
    "no member": tarball(),
    "plain tar": gzip.decompress(GOOD),
    "out by its path": tarball(("../evil.py", b"x")),
    "out by the root": tarball(("/etc/evil", b"x")),
    "out by a link": tarball(("a", b"x"), special("link", tarfile.SYMTYPE, "../../etc/passwd")),
    "out by a hard link": tarball(special("link", tarfile.LNKTYPE, "/etc/passwd")),
    "through a link": tarball(special("dir", tarfile.SYMTYPE, "other"), ("dir/evil", b"x")),
    "device": tarball(special("null", tarfile.CHRTYPE)),
    "pipe": tarball(special("pipe", tarfile.FIFOTYPE)),
    "zip bomb": bomb(),
    "header bomb": header_bomb(),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_good_source_is_refused_and_may_be_tried_again(place: Place, what: str) -> None:
    given = upload_url(place, place.create_empty())
    before = place.service.resident_memory()
    refused = put(place, given, BAD[what])
    assert refused.status_code == 400, refused.text
    assert "tarball" in refused.json()["detail"]
    assert place.service.resident_memory() - before < 64 * 1024**2
    assert put(place, given, GOOD).status_code == 200


def test_size_is_limited_while_it_comes(records_database: str, key_file: Path) -> None:
    with running_control_plane(records_database, key_file, max_upload=300_000) as small, small.client() as client:
        body = {"name": "chat", "source": "internal_source", "source_config": {}, "source_revision_config": {}}
        made = client.post("/v2/deployments", json={**body, "secrets": []}).json()
        given = client.post(f"/v2/deployments/{made['id']}/upload-url").json()
        rest = b"x" * 1_000_000

        def pieces() -> Iterator[bytes]:
            for start in range(0, len(rest), 50_000):
                yield rest[start : start + 50_000]

        for content in (rest, pieces()):
            answer = client.put(given["upload_url"], content=content)
            assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        request = urllib.request.Request(given["upload_url"], rest, method="PUT")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        assert refused.value.code == 413
        assert client.put(given["upload_url"], content=GOOD).status_code == 200
        assert "token=" not in small.log
        assert given["upload_url"].partition("token=")[2] not in small.log


def test_memory_is_bounded(place: Place) -> None:
    given = upload_url(place, place.create_empty())
    before = place.service.resident_memory()

    def zeros() -> Iterator[bytes]:
        for _number in range(100):
            yield b"\0" * 1024**2

    assert put(place, given, zeros()).status_code == 400
    assert place.service.resident_memory() - before < 32 * 1024**2


def test_sources_by_their_content(place: Place) -> None:
    sha256 = hashlib.sha256(GOOD).hexdigest()
    path = f"/v2/sources/{sha256}"
    client = place.of("editor")
    assert client.head(path).status_code == 404
    assert client.get(path).status_code == 404
    first = client.put(path, content=GOOD)
    assert first.json() == {"sha256": sha256, "size": len(GOOD), "changed": True}
    assert client.put(path, content=GOOD).json()["changed"] is False
    assert client.head(path).status_code == 200
    assert client.get(path).content == GOOD
    wrong = client.put("/v2/sources/" + "0" * 64, content=GOOD)
    assert wrong.status_code == 400
    assert sha256 in wrong.json()["detail"]
    assert client.put("/v2/sources/ABC", content=GOOD).status_code == 422


def test_sources_belong_to_their_workspace(place: Place, other_place: Place) -> None:
    path = f"/v2/sources/{hashlib.sha256(GOOD).hexdigest()}"
    place.admin.put(path, content=GOOD)
    assert other_place.admin.head(path).status_code == 404
