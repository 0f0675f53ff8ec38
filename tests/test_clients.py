"""The clients of buckets: each request is as DVC's settings and the environment say, and no fault of it goes unseen."""

import hashlib
import json
import os
import re
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import google.auth
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.auth.exceptions import DefaultCredentialsError
from google.oauth2.credentials import Credentials

from lib.core import digest
from lib.core.errors import Failure
from lib.model.inventory import Item
from lib.remote import bucket
from lib.remote.bucket import TRIES
from lib.remote.gcs import Gcs
from lib.remote.s3 import S3
from lib.transfer import retry

KEYS = {"access_key_id": "me", "secret_access_key": "secret", "region": "eu-west-3"}
DAY = {"Last-Modified": "Fri, 27 Nov 2026 11:20:08 GMT"}
XML = b"<Said><UploadId>1</UploadId><ETag>x</ETag></Said>"


class Handler(BaseHTTPRequestHandler):
    """A bucket with every object; `fault` gives the status of a refusal, -1 to hang up, or None; `code`, its body."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body, asked = self.rfile.read(int(self.headers.get("Content-Length", 0))), f"{self.command} {self.path}"
        self.server.requests.append((asked, dict(self.headers)))
        self.server.bodies.append(body)
        status = self.server.fault(asked) or 200
        if status < 0:
            self.close_connection = True
            return
        said = self.server.code if status != 200 else b"" if self.command == "PUT" else XML
        if "/o?" in self.path and status == 200:
            page = self.server.pages["pageToken=" in self.path]
            fields = re.findall(r"\w+", unquote(self.path.partition("fields=")[2]))
            items = [{key: value for key, value in item.items() if key in fields} for item in page["items"]]
            said = json.dumps({key: page[key] for key in page if key in fields} | {"items": items}).encode()
        elif "/o/" in self.path and status == 200:
            said = json.dumps(self.server.pages[0]).encode()
        elif "list-type" in self.path and self.server.pages:
            said = self.server.pages["continuation-token" in self.path]
        self.send_response(status)
        for key, value in ({"ETag": '"x"', "Content-Length": str(len(said))} | DAY | self.server.headers).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else said)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def store(monkeypatch, within) -> Iterator[ThreadingHTTPServer]:
    """A bucket on loopback, and an environment without settings for it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    within(3)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests, server.bodies, server.headers, server.pages = [], [], {}, []
        server.fault, server.code = lambda _: None, b""
        server.daemon_threads, server.handle_error = True, lambda *_: None  # a client that hung up
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def s3(store: ThreadingHTTPServer, **config: object) -> S3:
    return S3("storage", "s3://bucket/team", {"endpointurl": f"http://127.0.0.1:{store.server_port}"} | config)


def large(folder: Path) -> tuple[Path, Item]:
    """A file that is uploaded in parts, and its object."""
    path = folder / "large"
    path.write_bytes(bytes(digest.LARGE + 1))
    file = digest.of_file(path, ("md5", "sha256", "crc64nvme"))
    return path, Item(file.md5, file, "big", path.name)


def asked(store: ThreadingHTTPServer, begin: str, part: str = "") -> list[dict[str, str]]:
    """The headers of the requests that begin with `begin` and have `part` in them."""
    return [headers for line, headers in store.requests if line.startswith(begin) and part in line]


def test_dvcs_settings_are_in_every_request_that_uploads(store, tmp_path):
    written = {"sse": "aws:kms", "sse_kms_key_id": "k", "acl": "private", "grant_full_control": "id=a"}
    written |= {"grant_read": "id=b", "grant_read_acp": "id=c", "grant_write_acp": "id=d"}
    remote = s3(store, session_token="token", **KEYS, **written)

    remote.check(write=True)
    remote.put(*large(tmp_path), lambda _: None)

    for headers in (*asked(store, "PUT", ".model-weights"), *asked(store, "POST", "?uploads")):
        assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=me/")
        assert "/eu-west-3/s3/" in headers["Authorization"]
        assert headers["X-Amz-Security-Token"] == "token"
        found = {key.lower(): value for key, value in headers.items()}
        names = ["server-side-encryption", "server-side-encryption-aws-kms-key-id", "acl", "grant-full-control"]
        names += ["grant-read", "grant-read-acp", "grant-write-acp"]
        assert [found[f"x-amz-{name}"] for name in names] == list(written.values())
    assert len(store.requests) == 7


def test_a_small_object_is_sent_without_waiting_to_be_asked_for_it(store, tmp_path):
    (tmp_path / "small").write_bytes(b"small")
    file = digest.of_bytes(b"small")

    s3(store, **KEYS).put(tmp_path / "small", Item(file.md5, file, "tiny", "small"), lambda _: None)

    assert [headers.get("Expect") for headers in asked(store, "PUT")] == [None]
    assert store.bodies == [b"small"]


def test_a_store_that_takes_anybody_gets_no_login(store):
    remote = s3(store, allow_anonymous_login=True, **KEYS)

    assert remote.read("0" * 32, digest.of_bytes(XML)) is None

    assert len(store.requests) == 1
    assert not [line for line, headers in store.requests if "Signature" in line or "Authorization" in headers]


def test_the_environment_decides_before_dvcs_settings_whose_credentials_are_used(store, monkeypatch, tmp_path):
    for name in ("mine", "theirs"):
        keys = "aws_access_key_id = {}\naws_secret_access_key = x\n"
        (tmp_path / name).write_text(f"[default]\n{keys.format(name)}[ci]\n{keys.format('ci')}")
    (tmp_path / "config").write_text("[default]\nregion = eu-north-1\n[profile ci]\nregion = eu-west-3\n")
    settings = {"credentialpath": str(tmp_path / "theirs"), "configpath": str(tmp_path / "config")}

    monkeypatch.delenv("AWS_CONFIG_FILE")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "mine"))
    s3(store, **settings).check()
    monkeypatch.delenv("AWS_SHARED_CREDENTIALS_FILE")
    s3(store, **settings).check()
    s3(store, **settings, profile="ci").check()

    used = [headers["Authorization"].split("Credential=")[1].split("/") for headers in asked(store, "GET")]
    assert [(each[0], each[2]) for each in used] == [
        ("mine", "eu-north-1"),
        ("theirs", "eu-north-1"),
        ("ci", "eu-west-3"),
    ]


@pytest.mark.parametrize(("typed", "tries"), [("", TRIES), ("1", 1)])
def test_a_request_that_nobody_answers_is_tried_as_often_as_aws_is_told_to(store, monkeypatch, typed, tries):
    store.fault = lambda _: -1
    if typed:
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", typed)

    with pytest.raises(Failure, match="cannot be reached"):
        s3(store, **KEYS).check()

    assert len(store.requests) == tries


def test_dvcs_timeout_comes_before_ours(store, within, monkeypatch):
    within(60)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    store.fault = lambda _: over.wait(10) and None
    over, start = threading.Event(), time.monotonic()

    with pytest.raises(Failure, match="cannot be reached"):
        s3(store, read_timeout=0.1, **KEYS).check()

    over.set()
    assert time.monotonic() - start < 5


def test_objects_that_are_looked_at_closely_are_asked_for_one_by_one(store):
    s3(store, **KEYS).infos((f"{number:032x}" for number in range(90)), closely=True)

    assert [line.split()[0] for line, _ in store.requests] == ["HEAD"] * 90


@pytest.mark.parametrize("status", [400, 501])
def test_a_store_that_refuses_to_be_asked_for_checksums_is_asked_without(store, status):
    store.fault = lambda _: status if "x-amz-checksum-mode" in store.requests[-1][1] else None
    remote = s3(store, **KEYS)

    assert all(remote.infos([oid * 32], closely=True) for oid in "01")
    assert not [line for line, headers in store.requests[-2:] if "x-amz-checksum-mode" in headers]


@pytest.mark.parametrize(
    ("headers", "etag", "crc"),
    [
        ({"ETag": '"abc"'}, "abc", None),
        ({"ETag": ""}, None, None),
        ({"x-amz-server-side-encryption": "AES256"}, "x", None),
        ({"x-amz-server-side-encryption": "aws:kms"}, None, None),
        ({"x-amz-server-side-encryption-customer-algorithm": "AES256"}, None, None),
        ({"x-amz-checksum-crc64nvme": "AAAAAAAAAAE="}, "x", "0000000000000001"),
        ({"x-amz-checksum-crc64nvme": "AAAAAAAAAAE=-2"}, "x", None),
    ],
)
def test_what_a_store_says_of_an_object_is_a_hash_only_if_it_is_one(store, headers, etag, crc):
    store.headers = headers

    (info,) = s3(store, **KEYS).infos(["0" * 32], closely=True).values()

    assert (info.size, info.etag, info.crc64nvme) == (len(XML), etag, crc)


def test_only_uploads_in_parts_have_a_checksum_that_some_stores_refuse(store, tmp_path):
    remote, (path, item) = s3(store, **KEYS), large(tmp_path)

    remote.check(write=True)
    remote.put(path, item, lambda _: None)

    with_checksum = [line for line, headers in store.requests if "checksum" in str(headers.keys()).lower()]
    assert with_checksum == [line for line, _ in store.requests if item.oid[2:] in line]
    (whole,) = asked(store, "POST", "uploadId")
    assert whole["x-amz-checksum-crc64nvme"] == b64encode(bytes.fromhex(item.file.crc64nvme)).decode()
    assert whole["x-amz-checksum-type"] == "FULL_OBJECT"


def test_a_store_that_refused_a_checksum_gets_no_other(store, tmp_path):
    remote, (path, item) = s3(store, **KEYS), large(tmp_path)
    store.fault = lambda line: 501 if "?uploads" in line and len(asked(store, "POST", "?uploads")) == 1 else None

    for _ in range(2):
        remote.put(path, item, lambda _: None)

    assert ["x-amz-checksum-algorithm" in each for each in asked(store, "POST", "?uploads")] == [True, False, False]


def test_a_store_that_refuses_uploads_is_asked_once_more_without_a_checksum_and_then_no_more(store, tmp_path):
    remote, (path, item) = s3(store, **KEYS), large(tmp_path)
    store.fault = lambda line: 501 if "?uploads" in line else None

    for count in (2, 3):
        with pytest.raises(Failure):
            remote.put(path, item, lambda _: None)
        assert len(asked(store, "POST", "?uploads")) == count


def test_an_upload_that_is_refused_for_another_reason_is_not_sent_again(store, tmp_path):
    store.fault = lambda line: 403 if "?uploads" in line else None

    with pytest.raises(Failure, match="they may not write there"):
        s3(store, **KEYS).put(*large(tmp_path), lambda _: None)

    assert len(store.requests) == 1


@pytest.mark.parametrize("why", [KeyboardInterrupt, ValueError])
def test_an_upload_that_ends_early_leaves_no_parts(store, tmp_path, why):
    def stop(_: int) -> None:
        raise why

    with pytest.raises((Failure, KeyboardInterrupt)):
        s3(store, **KEYS).put(*large(tmp_path), stop)

    assert len(asked(store, "DELETE", "uploadId=1")) == 1


def test_an_object_of_which_the_store_says_another_checksum_is_not_taken_for_uploaded(store, tmp_path):
    store.headers = {"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}

    with pytest.raises(Failure, match="stored different bytes, according to its checksum"):
        s3(store, **KEYS).put(*large(tmp_path), lambda _: None)


def test_a_small_file_that_was_written_to_before_the_last_look_does_not_go_up(store, tmp_path):
    path, file = tmp_path / "small", digest.of_bytes(b"one", ("md5", "sha256"))
    path.write_bytes(b"one")

    def stop(_: int) -> None:
        raise ValueError

    with pytest.raises(Failure):
        s3(store, **KEYS).put(path, Item(file.md5, file, "tiny", "small"), stop)

    assert store.requests == []


def test_a_file_that_is_written_to_once_it_was_hashed_does_not_go_up(store, monkeypatch, tmp_path):
    path, file, hashed = tmp_path / "small", digest.of_bytes(b"one", ("md5", "sha256")), hashlib.sha256()

    class Late:
        update = hashed.update

        def hexdigest(self) -> str:
            path.write_bytes(b"another")
            return hashed.hexdigest()

    path.write_bytes(b"one")
    monkeypatch.setattr(hashlib, "sha256", Late)

    found = s3(store, **KEYS).put(path, Item(file.md5, file, "tiny", "small"), lambda _: None)

    assert found == "written to while it was uploaded"
    assert store.requests == []


def test_a_small_file_that_is_written_to_after_the_last_look_goes_up_as_it_was(store, tmp_path):
    path, file = tmp_path / "small", digest.of_bytes(b"one", ("md5", "sha256"))
    path.write_bytes(b"one")

    assert (
        s3(store, **KEYS).put(path, Item(file.md5, file, "tiny", "small"), lambda _: path.write_bytes(b"two")) is None
    )

    assert store.bodies == [b"one"]


def test_an_object_that_is_not_there_is_not_told_of(store):
    store.fault = lambda _: 404

    assert s3(store, **KEYS).infos(["0" * 32]) == {}


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-3"])
def test_a_download_has_the_signature_of_today_in_every_region(store, region):
    s3(store, **KEYS | {"region": region}).read("0" * 32, digest.of_bytes(XML))

    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in store.requests[-1][0]
    assert "checksum" not in store.requests[-1][0].lower()


@pytest.mark.parametrize(
    ("region", "host"),
    [("eu-central-2", "s3.eu-central-2.amazonaws.com"), (None, "s3.amazonaws.com"), ("cn-north-1", "s3.cn-north-1")],
)
def test_a_download_comes_from_the_region_that_is_set(store, region, host):
    """New buckets, and all those in regions from 2019 on, are not at the global address."""
    url = S3("storage", "s3://bucket/team", KEYS | {"region": region})._request("key").full_url

    assert url.startswith(f"https://bucket.{host}")
    assert f"%2F{region or 'us-east-1'}%2Fs3%2F" in url


def test_the_region_may_be_where_the_aws_cli_looks_for_it_and_botocore_does_not(store, monkeypatch):
    """A network may lead to this region alone, and a partition know no other login."""
    monkeypatch.setenv("AWS_REGION", "us-gov-west-1")

    url = S3("storage", "s3://bucket/team", {"access_key_id": "me", "secret_access_key": "x"})._request("key").full_url

    assert url.startswith("https://bucket.s3.us-gov-west-1.amazonaws.com/")


def test_a_bucket_of_another_region_is_found_and_read_there(store):
    def elsewhere(line: str) -> int | None:
        signed = f"{unquote(line)} {store.requests[-1][1].get('Authorization')}"
        return None if "/eu-central-1/s3/" in signed else 400

    store.fault, store.headers = elsewhere, {"x-amz-bucket-region": "eu-central-1"}
    store.code = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-central-1</Region></Error>"
    held = s3(store, **KEYS)

    held.check()

    assert held.read("0" * 32, digest.of_bytes(XML)) is None
    assert len(store.requests) == 3


def test_dvcs_settings_say_how_to_connect(store):
    assert s3(store, connect_timeout=7, **KEYS)._client.meta.config.connect_timeout == 7
    assert s3(store, **KEYS)._client.meta.config.connect_timeout == 1  # a third of TIMEOUT
    assert S3("storage", "s3://bucket", {"use_ssl": False, **KEYS})._client.meta.endpoint_url.startswith("http://")
    with pytest.raises(Failure, match=r"failed: The config profile \(nobody\) could not be found; nothing was changed"):
        s3(store, profile="nobody")


@pytest.mark.parametrize(
    "login",
    [
        "credential_process = /nowhere/vault",
        "role_arn = arn:aws:iam::1:role/ci\nweb_identity_token_file = /nowhere/token",
    ],
)
def test_a_login_whose_file_is_gone_is_a_fault_of_the_remote_and_no_object_is_missing(
    tmp_path, monkeypatch, store, login
):
    (tmp_path / "config").write_text(f"[profile ci]\n{login}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)

    with pytest.raises(Failure, match="No such file or directory: '/nowhere/"):
        s3(store, profile="ci", region="eu-west-3").read("0" * 32, digest.of_bytes(XML))


def test_a_web_page_at_the_address_of_a_store_is_told_of_at_once(store):
    store.pages, store.headers = [b"<!doctype html><title>Console</title><p>Log in"], {"Content-Type": "text/html"}

    with pytest.raises(Failure, match="answered with a web page; ENDPOINT must be the address of its S3 API"):
        s3(store, **KEYS).check()

    assert len(store.requests) == 1


@pytest.mark.parametrize(
    ("login", "why"),
    [
        ("credential_process = sh -c 'echo sealed >&2; exit 3'", "from custom-process: sealed"),
        ("aws_access_key_id = me", "Partial credentials found in config-file, missing: aws_secret_access_key"),
    ],
)
def test_a_login_that_fails_is_not_said_to_be_none(tmp_path, monkeypatch, store, login, why):
    (tmp_path / "config").write_text(f"[profile ci]\n{login}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    with pytest.raises(Failure, match=f"failed: .*{why}"):
        s3(store, profile="ci", region="eu-west-3").check()


def test_a_timeout_of_nothing_still_lets_a_store_answer(store, within):
    within(0)
    store.fault = lambda _: time.sleep(0.01)

    assert s3(store, **KEYS).read("0" * 32, digest.of_bytes(XML)) is None


def test_a_slash_at_the_end_of_the_url_is_not_in_the_keys(store):
    S3("storage", "s3://bucket/team/", {"endpointurl": f"http://127.0.0.1:{store.server_port}", **KEYS}).now()

    assert [line for line, _ in store.requests] == [f"{each} /bucket/team/.model-weights" for each in ("PUT", "HEAD")]


def test_a_look_at_a_bucket_writes_nothing(store):
    s3(store, **KEYS).check()

    assert [line.split()[0] for line, _ in store.requests] == ["GET"]


@pytest.mark.parametrize(("good", "asked"), [(60, 1), (0, 2)])
def test_a_bucket_that_was_just_out_of_reach_is_not_asked_again_for_the_next_model(store, monkeypatch, good, asked):
    monkeypatch.setattr(bucket, "GOOD", good)
    store.fault = lambda _: 403
    remote = s3(store, **KEYS)

    for _ in range(2):
        with pytest.raises(Failure, match="they may not list there; nothing was changed"):
            remote.check()

    assert len(store.requests) == asked


def test_a_few_objects_are_asked_for_one_by_one_and_not_for_their_checksums(store):
    s3(store, **KEYS).infos(f"{number:032x}" for number in range(8))

    assert [line.split()[0] for line, _ in store.requests] == ["HEAD"] * 8
    assert not any("x-amz-checksum-mode" in headers for _, headers in store.requests)  # which may need more permissions


def listed(oid: str, more: str = "") -> bytes:
    """A page of a listing that has `oid`."""
    said = (
        f"<Key>team/files/md5/{oid[:2]}/{oid[2:]}</Key><LastModified>2026-11-27T11:20:08Z</LastModified><Size>1</Size>"
    )
    return f"<Said>{more}<Contents>{said}</Contents></Said>".encode()


def test_an_object_that_may_not_be_asked_for_is_missing_only_if_no_listing_has_it(store):
    store.fault = lambda line: None if "list-type" in line else 403
    store.pages, remote, one = [listed("f" * 32)], s3(store, **KEYS), digest.of_bytes(b"one")

    assert remote.infos(["0" * 32]) == {}
    with pytest.raises(FileNotFoundError):
        remote.read("0" * 32, one)
    for ask in (lambda: remote.infos(["f" * 32]), lambda: remote.read("f" * 32, one)):
        with pytest.raises(Failure, match="they may not read there"):
            ask()


def test_a_listing_is_read_to_its_end_and_tells_only_of_what_was_asked_for(store):
    oids = [f"{number:032x}" for number in range(90)]
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
    store.pages = [listed("f" * 32, more), listed(oids[7])]

    assert set(s3(store, **KEYS).infos(oids)) == {oids[7]}


@pytest.mark.parametrize(("said", "held"), [({"x-amz-server-side-encryption": "aws:kms"}, {"0" * 32}), ({}, set())])
def test_an_object_under_a_users_key_is_held_though_its_etag_in_the_listing_is_no_hash(store, said, held):
    sizes = {f"{number:032x}": len(XML) for number in range(90)}
    store.headers = said
    store.pages = [listed("0" * 32).replace(b"<Size>1", b"<ETag>x</ETag><Size>%d" % len(XML))]

    assert s3(store, **KEYS).holds(sizes) == held


def test_an_object_of_another_size_is_not_read_and_one_of_any_size_is(store):
    remote = s3(store, **KEYS)

    counted = []
    for size in (0, 7, len(XML) + 1):
        found = remote.read("0" * 32, digest.File(size, "0" * 32), counted.append)
        assert found == f"pinned {size} bytes, found {len(XML)}"
    assert counted == []
    assert remote.read("0" * 32, digest.File(None, digest.of_bytes(XML).md5)) is None


@pytest.mark.parametrize(
    ("ask", "step"),
    [
        (lambda remote: remote.infos(["0" * 32]), "read"),
        (lambda remote: remote.infos(["0" * 32], closely=True), "read"),
        (S3.all, "list"),
        (S3.check, "list"),
        (S3.now, "write"),
    ],
)
def test_a_refusal_names_the_permission_that_is_missing(store, ask, step):
    """S3 and Google want the permission to read an object of those who ask for its size."""
    store.fault = lambda _: 403

    with pytest.raises(Failure, match=f"they may not {step} there"):
        ask(s3(store, **KEYS))


@pytest.mark.parametrize(("method", "action"), [("GET", "kms:Decrypt"), ("PUT", "kms:GenerateDataKey")])
def test_a_refusal_by_the_key_of_a_bucket_names_the_permission_for_it(store, method, action):
    store.fault = lambda line: 403 if line.startswith(method) else None
    why = (
        f"User: me is not authorized to perform: {action} on resource: arn:aws:kms:eu-west-3:1:key/k because no policy"
    )
    store.code, remote = f"<Error><Code>AccessDenied</Code><Message>{why}</Message></Error>".encode(), s3(store, **KEYS)

    with pytest.raises(Failure, match=f"they also need {action}, for the KMS key of this bucket"):
        remote.read("0" * 32, digest.of_bytes(XML)) if method == "GET" else remote.now()


def test_a_role_that_may_not_be_assumed_is_not_taken_for_one_that_may_not_list(store, monkeypatch, tmp_path):
    (tmp_path / "token").write_text("a token")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ci")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{store.server_port}")
    why, store.fault = "Not authorized to perform sts:AssumeRoleWithWebIdentity", lambda _: 403
    store.code = f"<Said><Error><Code>AccessDenied</Code><Message>{why}</Message></Error></Said>".encode()

    with pytest.raises(
        Failure, match="cannot be logged in to, since sts:AssumeRoleWithWebIdentity was refused: see the"
    ):
        s3(store).check()


def test_a_login_that_expires_during_a_command_is_refused_and_told_of_at_the_next_one(store):
    store.fault = lambda _: 400
    remote = s3(store, **KEYS)

    with pytest.raises(Failure, match="refused the credentials; run the same command again"):
        remote.infos(["0" * 32])
    store.code = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
    with pytest.raises(Failure, match="needs a new login, since the last one expired: log in again"):
        remote.check()


@pytest.mark.parametrize(("busy", "timeout"), [(2, 9.0), (99, 1.0)])
def test_a_busy_store_is_asked_again_as_long_as_the_user_waits(store, within, monkeypatch, busy, timeout):
    within(timeout)
    monkeypatch.setattr(retry, "LONGEST", 0.1)  # else the pauses alone would soon exceed the timeout
    store.fault = lambda _: 503 if len(store.requests) <= busy else None
    remote = s3(store, **KEYS)

    if busy == 2:
        remote.check()
        assert len(store.requests) == 3
    else:
        with pytest.raises(Failure, match="is overloaded or unavailable"):
            remote.check()


@pytest.mark.parametrize(
    ("config", "emulator", "default", "want"),
    [
        ({}, "", "token", "Bearer token"),
        ({}, "", "", None),
        ({"allow_anonymous_login": True}, "", "token", None),
        ({"endpointurl": "http://127.0.0.1:9"}, "", "token", None),
        ({"endpointurl": "https://storage.googleapis.com"}, "", "token", "Bearer token"),
        ({}, "http://127.0.0.1:9", "token", None),
    ],
)
def test_google_gets_the_login_of_this_machine_and_no_other_store_does(monkeypatch, config, emulator, default, want):
    def find(_: list[str]) -> tuple[Credentials, None]:
        if not default:
            raise DefaultCredentialsError
        return Credentials(default), None

    monkeypatch.setattr(google.auth, "default", find)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator)

    made = Gcs("storage", "gs://bucket/team", {"projectname": "mine", **config})

    assert made._request("key").get_header("Authorization") == want
    assert made._client.project == "mine"


def test_a_key_of_google_that_is_not_where_it_is_said_to_be_is_named(monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")

    with pytest.raises(Failure, match="failed: File /nowhere/key.json was not found"):
        Gcs("storage", "gs://bucket/team", {})


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("Invalid JWT Signature.", "refused the service account: its key was deleted, or the clock of"),
        ("Bad Request", "needs a new login, since the last one expired: gcloud auth application-default login"),
        (
            "Token has been expired or revoked.",
            "needs a new login, since the last one expired: gcloud auth application-",
        ),
        ("Invalid grant: account not found", "failed: .*account not found"),
    ],
)
def test_why_google_refuses_a_login_is_told(tmp_path, store, why, said):
    key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    at = f"http://127.0.0.1:{store.server_port}"
    facts = {"type": "service_account", "client_email": "ci@acme.example", "private_key": key.decode(), "token_uri": at}
    (tmp_path / "key.json").write_text(json.dumps(facts))
    store.fault = lambda _: 400
    store.code = json.dumps({"error": "invalid_grant", "error_description": why}).encode()

    with pytest.raises(Failure, match=said):
        Gcs(
            "storage", "gs://bucket/team", {"credentialpath": str(tmp_path / "key.json"), "projectname": "mine"}
        ).check()


@pytest.mark.parametrize(("said", "md5"), [({"md5Hash": "/////////////////////w=="}, "f" * 32), ({}, None)])
def test_a_listing_of_google_is_read_to_its_end_and_what_has_no_md5_there_is_asked_for_it(store, said, md5):
    """As with objects under a customer's key; those that were composed have none at all."""
    oids = [f"{number:032x}" for number in range(90)]
    facts = {"size": "1", "updated": "2026-11-27T11:20:08Z"}
    items = [{"name": f"team/files/md5/{oid[:2]}/{oid[2:]}", **facts} for oid in oids[:2]]
    first = {"items": [items[0] | {"md5Hash": "AAAAAAAAAAAAAAAAAAAAAA=="}], "nextPageToken": "t"}
    store.pages = [first | items[1] | said, {"items": items[1:]}]

    found = Gcs("storage", "gs://bucket/team", {"endpointurl": f"http://127.0.0.1:{store.server_port}"}).infos(oids)

    assert {oid: info.md5 for oid, info in found.items()} == {oids[0]: "0" * 32, oids[1]: md5}


def test_a_busy_google_that_takes_no_upload_is_told_of(store):
    store.pages, store.fault = [{"items": []}], lambda _: 429

    with pytest.raises(Failure, match=r"is overloaded or unavailable, as it says \(429\)"):
        Gcs("storage", "gs://bucket/team", {"endpointurl": f"http://127.0.0.1:{store.server_port}"}).now()


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (
            "Object 'x' is subject to bucket's retention policy or object retention and cannot be overwritten",
            "has a retention policy: no object there may be replaced or deleted",
        ),
        ("Provided scope(s) are not authorized", "the access scopes of this machine do not let them write there"),
    ],
)
def test_what_else_google_refuses_an_upload_for_is_not_taken_for_a_permission_that_is_missing(store, why, said):
    store.pages, store.fault = [{"items": []}], lambda line: 403 if line.startswith("POST") else None
    store.code = json.dumps({"error": {"code": 403, "message": why}}).encode()

    with pytest.raises(Failure, match=said):
        Gcs("storage", "gs://bucket/team", {"endpointurl": f"http://127.0.0.1:{store.server_port}"}).check(write=True)


def test_an_object_of_google_that_is_gone_is_not_told_of_and_need_not_be_deleted(store):
    remote = Gcs("storage", "gs://bucket/team", {"endpointurl": f"http://127.0.0.1:{store.server_port}"})
    store.pages = [{"name": "0", "size": "1", "updated": "2026-11-27T11:20:08Z"}]

    store.fault = lambda line: 404 if line.startswith("DELETE") else None
    remote.drop("0" * 32, time.time() + 1e9)
    assert len(asked(store, "DELETE")) == 1
    store.fault = lambda _: 404
    assert remote.infos(["0" * 32]) == {}
