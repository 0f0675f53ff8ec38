"""A remote in a bucket: S3 and Google Cloud Storage work as a folder does, and no fault goes unseen or hangs."""

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import pytest
from conftest import MODEL, PINNED, ROOT_ONLY, World, add_hook, copy, inflict, mounted, settings, start, track
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hub import Hub
from measure import measure
from stores import KEY, SECRET, Gcs, Proxy, S3Moto, S3Rclone, Store, silent

from lib.core import digest
from lib.core.errors import Failure
from lib.remote.gcs import Gcs as GcsRemote
from lib.remote.s3 import S3

STORES = {"moto": S3Moto, "rclone": S3Rclone, "gcs": Gcs}
VERBS = ["add", "pull", "push", "verify", "remote"]
MIB = 1 << 20
PAUSE = 0.02  # seconds per MiB that make a store a slow one
prefixes = count()
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def servers():
    """The stores of this session, each started when it is first asked for."""
    running: dict[str, Store] = {}
    yield running
    for each in running.values():
        each.__exit__()


def serve(servers: dict[str, Store], kind: str) -> Store:
    if kind not in servers:
        servers[kind] = STORES[kind]().__enter__()
    servers[kind].prefix = f"team{next(prefixes)}"
    return servers[kind]


@pytest.fixture(params=["moto", "rclone", pytest.param("gcs", marks=pytest.mark.marathon)])
def store(request, servers) -> Store:
    """A store with nothing under its URL."""
    return serve(servers, request.param)


@pytest.fixture
def moto(servers) -> Store:
    return serve(servers, "moto")


@pytest.fixture
def rclone(servers) -> Store:
    return serve(servers, "rclone")


def use(world: World, store: Store, endpoint: str = "", url: str = "") -> World:
    """Set the remote of `world` to `store`, as `make remote` would; returns `world`."""
    config = world.clone / ".dvc" / "config"
    lines = config.read_text().partition("['remote")[0].splitlines()
    lines += ["['remote \"storage\"']", f"    url = {url or store.url}", "    verify = true"]
    lines += [f"    endpointurl = {endpoint or store.endpoint}", ""]
    config.write_text("\n".join(lines))
    world.git("commit", "--quiet", "--all", "--message", "Set the remote")
    world.env |= store.env
    return world


def fill(store: Store, world: World) -> None:
    """Put the objects on the folder remote of `world` on `store`, too."""
    for oid, path in world.objects().items():
        store.put(key_of(oid), path.read_bytes())


def key_of(oid: str) -> str:
    return f"files/md5/{oid[:2]}/{oid[2:]}"


def key_for(data: bytes) -> str:
    return key_of(hashlib.md5(data, usedforsecurity=False).hexdigest())


def held(store: Store) -> dict[str, bytes]:
    """The objects on `store`, without the marker."""
    return {key: data for key, data in store.objects().items() if key.startswith("files/")}


@pytest.fixture(scope="session")
def two_template(added_template, tmp_path_factory) -> World:
    world = copy(added_template, World(tmp_path_factory.mktemp("two models")))
    track(world, "mine", "one")
    return world


@pytest.fixture
def two(two_template, tmp_path) -> World:
    """A clone that has added MODEL and tracked the model `mine`, on its folder remote."""
    return copy(two_template, World(tmp_path / "my world"))


def test_remote_sets_a_bucket_that_works(world, store):
    world.env |= store.env

    result = world.ok("remote", *store.typed)

    config = (world.clone / ".dvc" / "config").read_text()
    assert f"url = {store.url}\n" in config
    assert f"endpointurl = {store.endpoint}\n" in config
    assert SECRET not in config
    assert result.out.startswith(f"remote 'storage' is {store.url}; next: git commit")
    assert set(store.objects()) == {".model-weights"}
    assert world.ok("remote").out == f"remote 'storage' ({store.url}) is there, ENDPOINT={store.endpoint}\n"


def test_weights_go_through_a_bucket_and_come_back(online, store):
    use(online, store)
    online.ok("add", f"MODEL={MODEL}")
    other = online.second()

    other.ok("pull")

    assert other.on_disk() == PINNED
    assert len(held(store)) == len(PINNED) + 1
    for words in (["verify"], ["verify", "DEEP=1"]):
        said = other.ok(*words).out
        assert "verified 1 pin, 3 of 3 files on disk" in said
        assert "size only" not in said


def test_every_fault_of_an_object_is_found_without_reading_and_mended(added, store):
    use(added, store)
    fill(store, added)
    before = held(store)
    store.delete(key_for(PINNED["config.json"]))
    store.put(key_for(PINNED["model.safetensors"]), PINNED["model.safetensors"][:-1])
    store.put(key_for(PINNED["nested/tokenizer.json"]), PINNED["nested/tokenizer.json"][::-1])
    other = added.second()

    for words in (["verify"], ["verify", "DEEP=1"]):
        result = added.make(*words)
        assert result.code == 2
        assert "verify: tiny/config.json: missing from the remote (object " in result.out
        assert "verify: tiny/model.safetensors: changed on the remote (object " in result.out
        assert "verify: tiny/nested/tokenizer.json: changed on the remote (object " in result.out
        assert "verify: 3 problems in 1 model" in result.err
    pulled = other.make("pull")
    assert pulled.code == 2
    assert other.on_disk() == {}
    assert pulled.out.count(" the remote (object ") == 3
    pushed = added.ok("push")
    assert "pushed tiny: 3 objects, " in pushed.out
    assert pushed.out.count(": replaced\n") == 2
    assert held(store) == before
    other.ok("pull")
    assert other.on_disk() == PINNED


@pytest.mark.parametrize(
    ("kind", "begins", "is_safe"),
    [
        ("moto", r"PUT .*partNumber=3&", False),
        ("moto", r"PUT .*partNumber=3&", True),
        ("moto", r"PUT .*\.dir", False),
        ("gcs", "PUT .*upload_id", False),
    ],
)
def test_an_upload_outlasts_a_network_that_is_gone_for_some_seconds(big, servers, authority, kind, begins, is_safe):
    store = serve(servers, kind)
    path, context = authority

    def fault(request: str) -> str | None:
        if not re.match(begins, request):
            return None
        threading.Timer(2, proxy.up).start()
        return "down"

    with Proxy(store, fault, tls=context if is_safe else None) as proxy:
        use(big, store, proxy.endpoint).ok("push", "TIMEOUT=9", AWS_CA_BUNDLE=str(path))

        assert proxy.struck
    assert set(held(store)) == {key_of(oid) for oid in big.objects()}


@pytest.mark.marathon
@pytest.mark.parametrize("kind", ["moto", "gcs"])
def test_a_push_that_lost_the_store_half_way_completes_the_next_time(added, servers, kind):
    store = serve(servers, kind)
    with Proxy(store) as proxy:
        proxy.fault = lambda request: "down" if len(held(store)) >= 2 else None
        use(added, store, proxy.endpoint)

        first = added.make("push", "TIMEOUT=2")
        proxy.up()
        second = added.ok("push")

        assert proxy.struck
        assert first.code == 2
        assert f"push: remote 'storage' ({store.url}) cannot be reached at {proxy.endpoint}; " in first.err
        assert "Traceback" not in first.said
        assert "the remote holds 1 model, 3 files" in second.out
        assert set(held(store)) == {key_of(oid) for oid in added.objects()}


def test_remote_tries_the_bucket_that_was_typed_whatever_this_clone_has_set_for_itself(world, moto):
    world.env |= moto.env
    (world.clone / ".dvc" / "config.local").write_text("['remote \"storage\"']\n    url = s3://nowhere/path\n")

    result = world.ok("remote", *moto.typed)

    assert "this clone still uses another one, set in .dvc/config.local" in result.err
    assert set(moto.objects()) == {".model-weights"}


@pytest.fixture(scope="session")
def big_template(template, tmp_path_factory) -> World:
    world = copy(template, World(tmp_path_factory.mktemp("a big world")))
    folder = world.weights("big")
    folder.mkdir(parents=True)
    block = os.urandom(MIB)
    (folder / "model.safetensors").write_bytes(b"".join(bytes([number]) + block[1:] for number in range(48)))
    world.ok("track", "NAME=big")
    return world


@pytest.fixture
def big(big_template, tmp_path) -> World:
    """A clone that has tracked one file of 48 MiB on its folder remote."""
    return copy(big_template, World(tmp_path / "my world"))


def of_object(world: World, store: Store):
    """Picks requests for the bytes of the large object of `world`."""
    oid = max(world.objects(), key=lambda each: world.objects()[each].stat().st_size)
    about = ("list-type", "GET /storage/v1/")  # S3's listing; Google's facts about the object
    return lambda asked: asked.startswith("GET") and oid[2:] in asked and not any(word in asked for word in about)


@pytest.mark.parametrize(
    ("kind", "fault", "number"),
    [
        ("rclone", "cut", 0),
        ("rclone", "cut", 6),
        pytest.param("rclone", "silence", 0, marks=pytest.mark.marathon),
        pytest.param("rclone", "silence", 6, marks=pytest.mark.marathon),
        ("rclone", "whole", 6),
        pytest.param("rclone", "flip", 0, marks=pytest.mark.marathon),
        pytest.param("rclone", "flip", 6, marks=pytest.mark.marathon),
        ("rclone", 403, 6),
        ("gcs", "cut", 0),
        ("gcs", "cut", 6),
    ],
)
def test_a_pull_goes_on_inside_an_object_whose_transfer_broke(big, servers, kind, fault, number):
    store = serve(servers, kind)
    fill(store, big)
    is_one, seen = of_object(big, store), count()
    pause = PAUSE if number else 0  # only a slow store is asked for several pieces
    with Proxy(store, lambda asked: fault if is_one(asked) and next(seen) == number else None, pause=pause) as proxy:
        other = use(big, store, proxy.endpoint).second()

        result = other.ok("pull", *(["TIMEOUT=4"] if fault == "silence" else []))

        assert len(proxy.struck) == 1
    assert other.on_disk("big") == big.on_disk("big")
    most = {"whole": 2 * 48, "flip": 2 * 48}.get(fault, 48 + 16)  # a flipped bit is seen at the end, so all comes again
    assert 48 * MIB <= proxy.sent <= (most + 1) * MIB, result.said


def test_an_object_that_the_store_cannot_give_is_named(big, rclone):
    fill(rclone, big)
    is_one = of_object(big, rclone)
    with Proxy(rclone, lambda asked: 500 if is_one(asked) else None, once=False) as proxy:
        said = use(big, rclone, proxy.endpoint).make("verify", "DEEP=1", "TIMEOUT=1").said

    key = re.search(r"files/md5/[0-9a-f/]+", proxy.struck[0])[0]
    assert f"{key}: the store answered 500 Internal Server Error; gave up after 1 s" in said


@ROOT_ONLY
def test_a_disk_that_fills_up_during_a_pull_is_not_called_a_fault_of_the_remote(big, rclone):
    fill(rclone, big)
    is_one = of_object(big, rclone)
    with Proxy(rclone) as proxy:
        other = use(big, rclone, proxy.endpoint).second()
        cache = other.clone / ".dvc" / "cache"
        with mounted(cache, "-o", "size=64M"):
            proxy.fault = lambda asked: (
                (cache / "filler").write_bytes(bytes(40 * MIB)) and None if is_one(asked) else None
            )

            full = other.make("pull").said
            proxy.fault = lambda _: None
            (cache / "filler").unlink()
            other.ok("pull")

            assert "no space left on the disk; free some, then run the same command again to continue" in full
            assert "remote 'storage'" not in full
            assert other.on_disk("big") == big.on_disk("big")


@pytest.fixture
def login(tmp_path):
    """The key file of a service account of Google's, whose tokens are good for one request each."""
    given = count()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = {"access_token": f"token{next(given)}", "expires_in": 1, "token_type": "Bearer"}
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            pass

    key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = tmp_path / "key.json"
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}"
        facts = {"type": "service_account", "client_email": "ci@acme.example", "private_key": key.decode()}
        path.write_text(json.dumps({**facts, "token_uri": uri}))
        yield path
        server.shutdown()


def test_a_pull_from_google_logs_in_with_the_key_that_dvc_names_and_again_when_the_token_runs_out(big, servers, login):
    store = serve(servers, "gcs")
    fill(store, big)
    is_one, seen = of_object(big, store), count()
    with Proxy(store, lambda asked: 401 if is_one(asked) and next(seen) == 6 else None, pause=PAUSE) as proxy:
        other = use(big, store, proxy.endpoint).second()
        settings(other, f"['remote \"storage\"']\n    credentialpath = {login}\n", local=True)

        other.ok("pull")

        assert len(proxy.struck) == 1
        assert all(re.fullmatch(r"Bearer token\d+", token) for token in proxy.tokens)
        assert len(proxy.tokens) > 1
    assert other.on_disk("big") == big.on_disk("big")


@pytest.mark.marathon
@pytest.mark.parametrize("pause", [PAUSE / 10, PAUSE])
def test_a_killed_pull_goes_on_inside_an_object(big, rclone, pause):
    fill(rclone, big)
    kills = 12
    with Proxy(rclone, pause=pause) as proxy:
        other = use(big, rclone, proxy.endpoint).second()
        incoming = other.clone / ".dvc" / "cache" / "incoming"
        for moment in range(kills):
            process = start(other, "pull")
            while process.poll() is None and size_in(incoming) <= moment * 44 * MIB // kills:
                time.sleep(0.001)
            assert process.poll() is None
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

        other.ok("pull")

        assert proxy.sent <= (49 + kills * 16) * MIB
    assert other.on_disk("big") == big.on_disk("big")
    assert list(incoming.iterdir()) == []


def size_in(folder: Path) -> int:
    with suppress(FileNotFoundError):  # a file that has just arrived, and moves on
        return max((path.stat().st_size for path in folder.glob("*")), default=0)
    return 0


@pytest.mark.marathon
def test_many_objects_are_listed_and_a_stray_key_among_them_is_ignored_and_named(world, store):
    source = world.path / "many"
    source.mkdir()
    for number in range(70):
        (source / f"{number}.bin").write_bytes(b"%d" % number)
    use(world, store)
    store.put("files/md5/README", b"an inventory")
    store.put("files/md5/ab/notes.txt", b"notes")
    world.ok("track", "NAME=many", f"DIR={source}")
    with Proxy(store) as proxy:
        use(world, store, proxy.endpoint)

        said = world.ok("verify").out

        assert 0 < len(proxy.requests) < 10, proxy.requests
    assert "remote: 2 files beside the objects ignored, such as 'README'\n" in said
    assert "70 of 70 files on disk" in said
    assert "71 of 71 objects on the remote (71 by hash)" in said


@pytest.mark.marathon
def test_one_model_of_a_large_bucket_is_asked_for_and_not_listed(world, moto):
    source = world.path / "some"
    source.mkdir()
    for number in range(12):
        (source / f"{number}.bin").write_bytes(b"%d" % number)
    use(world, moto)
    world.ok("track", "NAME=some", f"DIR={source}")
    for number in range(5):  # as many as a bucket of some 20,000 objects has under this prefix
        moto.put(f"files/md5/00/0{number:029x}", b"?")
    with Proxy(moto) as proxy:
        use(world, moto, proxy.endpoint)

        world.ok("verify")

        listings = [request for request in proxy.requests if "files%2Fmd5%2F&" in request or "files/md5/&" in request]
        assert listings == []
        assert sum(request.startswith("HEAD") for request in proxy.requests) >= 13


def test_gc_deletes_from_a_bucket_what_nobody_needs_once_it_is_old(two, added_template, store):
    fill(store, two)
    two.git("update-index", "--refresh")  # or Git takes the whole copy for changed, and writes it anew
    two.git("reset", "--quiet", "--hard", "HEAD~1")
    use(two, store)
    store.put("files/md5/README", b"an inventory")

    said = two.ok("gc", "REMOTE=1", "FORCE=1").out
    assert "remote: kept 2 objects younger than 14 days\nremote: 1 file beside the objects left alone\n" in said
    for _ in range(5):  # a store's clock may count whole seconds
        if "remote: mine: 2 objects, 68 B" in two.ok("gc", "REMOTE=1", "FORCE=1", "DAYS=0").out:
            break

    assert held(store).keys() == {"files/md5/README", *map(key_of, added_template.objects())}
    two.ok("verify", "DEEP=1")


def test_an_object_whose_hash_contradicts_the_pin_is_read_though_others_turn_out_right(added, moto):
    fill(moto, added)
    right, wrong = key_for(PINNED["config.json"]), key_for(PINNED["model.safetensors"])
    moto.put(wrong, PINNED["model.safetensors"][::-1])

    def answered(request: str, headers: dict[str, str]) -> None:
        if right in request:
            headers["ETag"] = '"a-foreign-one"'.replace("-", "")

    with Proxy(moto, answered=answered) as proxy:
        use(added, moto, proxy.endpoint)

        result = added.make("verify")

    assert result.code == 2
    assert "verify: tiny/model.safetensors: changed on the remote (object " in result.out
    assert "3 of 4 objects on the remote (2 by hash, 1 changed, 1 read)" in result.out


@pytest.mark.parametrize(
    "header",
    [("x-amz-server-side-encryption", "aws:kms"), ("x-amz-server-side-encryption-customer-algorithm", "AES256")],
)
def test_an_object_under_a_users_key_is_size_only(added, moto, header):
    fill(moto, added)
    hidden = key_for(PINNED["model.safetensors"])

    def answered(request: str, headers: dict[str, str]) -> None:
        if hidden in request:
            headers |= {"ETag": '"ffffffffffffffffffffffffffffffff"', header[0]: header[1]}

    with Proxy(moto, answered=answered) as proxy:
        use(added, moto, proxy.endpoint)

        said = added.ok("verify").out

        assert "3 of 4 objects on the remote (3 by hash, 1 by size only)" in said
        assert not [request for request in proxy.requests if request.startswith("GET") and hidden in request]
        shutil.rmtree(added.clone / ".dvc" / "cache")
        added.ok("remove", "MODEL=tiny", "DRY=1")
        assert "4 of 4 objects on the remote (4 read)" in added.ok("verify", "DEEP=1").out


@pytest.mark.marathon
def test_a_prefix_may_hold_a_space(online, moto):
    online.env |= moto.env

    online.ok("remote", f"URL=s3://{moto.bucket}/with a space", f"ENDPOINT={moto.endpoint}")
    online.ok("add", f"MODEL={MODEL}")

    assert "4 of 4 objects on the remote (4 by hash)" in online.ok("verify").out
    assert online.dvc("pull").code == 0


def upload_in_parts(moto: Store, key: str, path: Path, part: int, **more: str) -> None:
    """Put the file at `path` on `moto` in parts of `part` bytes."""
    import boto3
    from boto3.s3.transfer import TransferConfig

    keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=moto.endpoint, **keys)
    config = TransferConfig(multipart_threshold=part, multipart_chunksize=part)
    client.upload_file(str(path), moto.bucket, f"{moto.prefix}/{key}", more, Config=config)


@pytest.mark.marathon
def test_an_object_in_parts_is_proved_by_its_etag_and_caught_when_it_is_another(world, moto):
    source, other = world.path / "big", world.path / "other"
    source.mkdir()
    data = bytes(range(256)) * (60_000_000 // 256)
    (source / "model.safetensors").write_bytes(data)
    other.write_bytes(data[:-1] + b"?")
    use(world, moto)
    world.ok("track", "NAME=big", f"DIR={source}")

    without_checksum(world.pin("big"))
    for part in (8 * MIB, 50 * MIB):  # as `make push` and as plain DVC uploads
        upload_in_parts(moto, key_for(data), source / "model.safetensors", part)
        assert "size only" not in world.ok("verify").said
    upload_in_parts(moto, key_for(data), other, 8 * MIB)
    bad = world.make("verify")
    assert bad.code == 2
    assert "verify: big/model.safetensors: changed on the remote (object " in bad.out
    upload_in_parts(moto, key_for(data), source / "model.safetensors", 20 * MIB)
    assert "remote: 1 of 2 objects: size only" in world.ok("verify").said


@pytest.mark.parametrize(
    ("kind", "variable"),
    [("rclone", "AWS_CA_BUNDLE"), ("rclone", "REQUESTS_CA_BUNDLE"), ("gcs", "REQUESTS_CA_BUNDLE")]
    + [("gcs", "CURL_CA_BUNDLE")],
)
def test_a_store_with_a_certificate_of_our_own_is_trusted_if_its_client_is_told_to(
    added, servers, authority, kind, variable
):
    path, context = authority
    store = serve(servers, kind)
    fill(store, added)
    with Proxy(store, tls=context) as proxy:
        use(added, store, proxy.endpoint)
        trusting, other = added.second(), added.second("distrusting")

        trusting.ok("pull", "TIMEOUT=2", **{variable: str(path)})

        assert trusting.on_disk() == PINNED
        refused = other.make("pull", "TIMEOUT=2")
        assert refused.code == 2
        assert "its certificate is not trusted here; if it is of an authority of your own, set REQUEST" in refused.said


@pytest.mark.parametrize("kind", ["rclone", pytest.param("gcs", marks=pytest.mark.marathon)])
def test_the_authorities_that_a_client_brings_along_are_trusted_where_the_machine_has_none(
    added, servers, authority, kind
):
    path, context = authority
    store = serve(servers, kind)
    fill(store, added)
    with Proxy(store, tls=context) as proxy:
        other = use(added, store, proxy.endpoint).second()
        hook = other.clone / "scripts" / "sitecustomize.py"
        hook.write_text(f"import certifi\ncertifi.where = certifi.core.where = lambda: {str(path)!r}\n")

        other.ok("pull", "TIMEOUT=2", SSL_CERT_FILE="/dev/null", SSL_CERT_DIR="/nowhere")

    assert other.on_disk() == PINNED


@pytest.mark.parametrize(
    ("verify", "named", "said"),
    [
        (None, "", "its certificate is not trusted here"),
        (True, "", "its certificate is not trusted here"),
        (True, "AWS_CA_BUNDLE", ""),
        (False, "", ""),
        ("a file", "", ""),
    ],
)
def test_dvcs_ssl_verify_is_for_listing_and_reading_alike(monkeypatch, rclone, authority, verify, named, said):
    path, context = authority
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    if named:
        monkeypatch.setenv(named, str(path))
    rclone.put(key_for(b"one"), b"one")
    config = {"access_key_id": KEY, "secret_access_key": SECRET, "region": "us-east-1"}
    config |= {} if verify is None else {"ssl_verify": str(path) if verify == "a file" else verify}
    with Proxy(rclone, tls=context) as proxy:
        remote = S3("storage", rclone.url, config | {"endpointurl": proxy.endpoint})
        one = digest.of_bytes(b"one")

        if said:
            with pytest.raises(Failure, match=said):
                remote.infos([one.md5])
        else:
            assert set(remote.infos([one.md5])) == {one.md5}
            assert remote.read(one.md5, one) is None


@pytest.mark.parametrize("named", ["both.pem", ""])
def test_google_is_read_with_the_certificates_that_requests_is_told_of(monkeypatch, servers, authority, named):
    path, context = authority
    subprocess.run(["openssl", "rehash", path.parent], check=True)  # a folder is searched by the hashes of names
    store, one = serve(servers, "gcs"), digest.of_bytes(b"one")
    store.put(key_for(b"one"), b"one")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path.parent / named))
    with Proxy(store, tls=context) as proxy:
        remote = GcsRemote("storage", store.url, {"endpointurl": proxy.endpoint})

        assert remote.read(one.md5, one) is None


def test_what_a_library_warns_of_is_not_printed(world, servers):
    """As Google's does of a login without a quota project, and of a Python that it no longer supports."""
    store = serve(servers, "gcs")
    hook = """
import warnings
from google.auth.credentials import AnonymousCredentials
made = AnonymousCredentials.__init__
AnonymousCredentials.__init__ = lambda self: warnings.warn("an unsupported Python", FutureWarning) or made(self)
"""
    (world.clone / "scripts" / "sitecustomize.py").write_text(hook)
    world.env |= store.env

    assert world.ok("remote", *store.typed).err == ""


def test_a_pull_goes_through_the_proxy_that_the_environment_names(added, rclone):
    fill(rclone, added)
    use(added, rclone)
    with Proxy(rclone) as proxy:
        through, around = added.second(), added.second("around")

        named = proxy.endpoint.replace("://", "://team:hunter2@")

        through.ok("pull", HTTP_PROXY=named, http_proxy=named)

        assert through.on_disk() == PINNED
        ranges = [each for each in proxy.requests if "/files/md5/" in each and "X-Amz-Signature" in each]
        assert len(ranges) == len(PINNED)
        assert all(each.startswith(f"GET {rclone.endpoint}/") for each in ranges)
        assert proxy.logins == {f"Basic {base64.b64encode(b'team:hunter2').decode()}"}
        proxy.requests.clear()
        around.ok("pull", HTTP_PROXY=proxy.endpoint, http_proxy=proxy.endpoint, NO_PROXY="127.0.0.1")
        assert proxy.requests == []


def test_a_pull_over_tls_goes_through_a_proxy_that_wants_a_login(added, rclone, authority):
    path, context = authority
    fill(rclone, added)
    with Proxy(rclone, tls=context) as secure, Proxy(rclone) as proxy:
        use(added, rclone, secure.endpoint)
        other, address = added.second(), proxy.endpoint.replace("://", "://team:hunter2@")

        other.ok("pull", HTTPS_PROXY=address, https_proxy=address, AWS_CA_BUNDLE=str(path))

    assert other.on_disk() == PINNED
    login = base64.b64encode(b"team:hunter2").decode()
    assert f"CONNECT Basic {login}" in proxy.requests
    assert set(proxy.requests) == {f"CONNECT Basic {login}"}


def test_a_proxy_that_itself_speaks_tls_is_refused_at_once(added, rclone, authority):
    path, context = authority
    fill(rclone, added)
    with Proxy(rclone, tls=context) as secure, Proxy(rclone, tls=context) as proxy:
        other = use(added, rclone, secure.endpoint).second()

        said = other.make("pull", HTTPS_PROXY=proxy.endpoint, AWS_CA_BUNDLE=str(path)).out

    assert "cannot be read through a proxy at an https:// address: name one at http:// in HTTPS_PROXY; " in said


@ROOT_ONLY
@pytest.mark.parametrize("address", ["http://127.0.0.2", "127.0.0.2"])
def test_a_proxy_without_a_port_is_at_port_80(added, rclone, authority, address):
    path, context = authority
    fill(rclone, added)
    with Proxy(rclone, tls=context) as secure, Proxy(rclone, at=("127.0.0.2", 80)):
        other = use(added, rclone, secure.endpoint).second()

        other.ok("pull", "TIMEOUT=2", HTTPS_PROXY=address, AWS_CA_BUNDLE=str(path))

    assert other.on_disk() == PINNED


def test_a_key_of_the_customer_is_refused_by_name(added, moto):
    use(added, moto)
    settings(added, f"['remote \"storage\"']\n    sse_customer_key = {'QUFB' * 11}\n", local=True)

    line = added.refused("push")

    assert "DVC's setting sse_customer_key is not supported; use the store's key (sse)" in line
    assert "QUFB" not in line


def test_free_keeps_what_the_store_knows_by_size_only(added, moto):
    fill(moto, added)

    def answered(_: str, headers: dict[str, str]) -> None:
        headers["x-amz-server-side-encryption"] = "aws:kms"  # so the ETag is no hash

    with Proxy(moto, answered=answered) as proxy:
        use(added, moto, proxy.endpoint)

        said = "remote: 4 of 4 objects: size only (DEEP=1 reads them); nothing was freed"
        assert added.make("free").out == f"free: tiny: {said}\n"

    assert added.on_disk() == PINNED


def without_checksum(pin: Path) -> None:
    """Make `pin` one of before checksums were pinned."""
    pin.write_text(re.sub(r", crc64nvme: \"?\w+\"?", "", pin.read_text()))


def test_objects_in_parts_prove_themselves_without_the_weights(big, moto):
    assert "crc64nvme: " in big.pin("big").read_text()
    use(big, moto)
    big.ok("push")
    fresh = big.second()

    assert "2 of 2 objects on the remote (2 by hash)" in fresh.ok("verify", "REQUIRE=content").out
    assert fresh.dvc("pull").code == 0
    assert fresh.on_disk("big") == big.on_disk("big")


@pytest.mark.marathon
def test_a_checksum_that_contradicts_the_pin_is_found_without_the_weights(big, moto):
    other = big.path / "other"
    other.write_bytes((big.weights("big") / "model.safetensors").read_bytes()[:-1] + b"?")
    use(big, moto)
    big.ok("push")
    key = max(held(moto), key=lambda each: len(held(moto)[each]))
    upload_in_parts(moto, key, other, 8 * MIB, ChecksumAlgorithm="CRC64NVME")

    result = big.second().make("verify")

    assert result.code == 2
    assert "verify: big/model.safetensors: changed on the remote (object " in result.out


@pytest.mark.marathon
def test_an_older_pin_without_a_checksum_is_as_good_as_before(big, moto):
    without_checksum(big.pin("big"))
    big.git("commit", "--quiet", "--all", "--message", "As before")
    use(big, moto)

    big.ok("push")

    assert "2 of 2 objects on the remote (2 by hash)" in big.ok("verify").out  # by the ETag, from the weights
    assert "1 of 2 objects on the remote (1 by hash, 1 by size only)" in big.second().ok("verify").out
    assert big.ok("track", "NAME=big").out == "big is already pinned as it is; nothing to do\n"


def test_a_store_that_refuses_checksums_still_takes_objects(big, moto):
    refused = []

    def fault(request: str) -> int | None:
        if "?uploads" in request and not refused:
            refused.append(request)
            return 501
        return None

    with Proxy(moto, fault) as proxy:
        use(big, moto, proxy.endpoint)

        big.ok("push")

    assert refused
    assert set(held(moto)) == {key_of(oid) for oid in big.objects()}


def test_two_uploads_at_once_find_out_that_a_store_refuses_checksums(world, moto):
    world.weights("two").mkdir(parents=True)
    for number in (1, 2):
        (world.weights("two") / f"{number}.safetensors").write_bytes(bytes([number]) * (9 * MIB))
    world.ok("track", "NAME=two")
    both, refused = threading.Barrier(2), []

    def fault(request: str) -> int | None:
        if "?uploads" not in request or len(refused) == 2:
            return None
        refused.append(request)
        both.wait(30)
        return 501

    with Proxy(moto, fault, once=False) as proxy:
        use(world, moto, proxy.endpoint).ok("push")

    assert len(set(refused)) == 2
    assert set(held(moto)) == {key_of(oid) for oid in world.objects()}


def test_a_store_that_refuses_checksums_at_the_end_and_forgets_the_upload_still_takes_objects(big, moto):
    faults = [("POST", 400), ("DELETE", 404)]

    def fault(request: str) -> int | None:
        if faults and "uploadId=" in request and request.startswith(faults[0][0]):
            return faults.pop(0)[1]
        return None

    with Proxy(moto, fault, once=False) as proxy:
        use(big, moto, proxy.endpoint).ok("push")

    assert faults == []
    assert set(held(moto)) == {key_of(oid) for oid in big.objects()}


@pytest.mark.marathon
def test_bytes_that_change_on_the_way_to_s3_are_found_at_once(big, moto):
    is_part = re.compile(r"PUT .*partNumber=2&")
    with Proxy(moto, lambda request: "flip up" if is_part.search(request) else None) as proxy:
        use(big, moto, proxy.endpoint)

        first = big.refused("push")
        big.ok("push")

        assert proxy.struck
        assert "stored different bytes, according to its checksum; run the same command again" in first
        assert "2 of 2 objects on the remote (2 read)" in big.ok("verify", "DEEP=1").out


def peak(world: World, *words: str) -> int:
    """The peak memory, in MiB, of the largest process of `make` with `words`."""
    log = world.path / "log"
    with ProcessPoolExecutor(1, get_context("spawn")) as small:  # a process inherits the peak of the one that starts it
        code, used = small.submit(measure, ["make", *words], world.clone, world.environment(), log).result()
    assert code == 0, log.read_text()
    return used.peak // MIB


@pytest.mark.marathon
def test_many_large_files_do_not_fill_the_memory(world, rclone):
    store, folder = rclone, world.weights("big")
    folder.mkdir(parents=True)
    block = os.urandom(MIB)
    for number in range(6):
        (folder / f"{number}.safetensors").write_bytes(b"".join(bytes([number, n]) + block[2:] for n in range(40)))
    use(world, store)

    assert peak(world, "track", "NAME=big") < 400
    assert peak(world, "verify", "DEEP=1") < 400
    shutil.rmtree(folder)
    shutil.rmtree(world.clone / ".dvc" / "cache")
    assert peak(world, "pull") < 400


def worlds(added: World, verbs: list[str], store: Store, endpoint: str, url: str = "", **env: str) -> dict[str, World]:
    """A world for each of `verbs`, with its remote at `endpoint`."""
    made = {}
    for verb in verbs:
        made[verb] = copy(added, World(added.path.parent / f"{verb} world", dict(added.env)))
        if verb == "pull":
            shutil.rmtree(made[verb].weights())
            shutil.rmtree(made[verb].clone / ".dvc" / "cache")
        if verb != "remote":
            use(made[verb], store, endpoint, url)
        made[verb].env |= store.env | env
    return made


def assert_refused(
    places: dict[str, World], store: Store, endpoint: str, want: str, url: str = "", timeout: int = 9
) -> None:
    """Every verb refuses the store in one sentence with `want` in it, in time, and changes nothing."""

    def refuse(verb: str) -> None:
        words = {"add": ["MODEL=acme/other"], "remote": [f"URL={url or store.url}", f"ENDPOINT={endpoint}"]}
        world, start = places[verb], time.monotonic()
        before = world.state()
        result = world.make(verb, *words.get(verb, []), f"TIMEOUT={timeout}")
        assert time.monotonic() - start < 20, verb
        assert result.code == 2, (verb, result.said)
        assert f"remote 'storage' ({url or store.url}) {want}" in result.said, (verb, result.said)
        assert "Traceback" not in result.said, verb
        assert SECRET not in result.said, verb
        assert len(result.said) < 2000, (verb, result.said)
        assert world.state() == before, verb

    with ThreadPoolExecutor(len(places)) as pool:
        list(pool.map(refuse, places))


IN_TIME = "in time (to wait longer: TIMEOUT=seconds)"
REACH = [("moto", VERBS), ("gcs", ["push", "remote"])]


@pytest.fixture
def added_for_each(added_template, tmp_path) -> World:
    """A clone that has added MODEL and knows a Hub with another model."""
    path = tmp_path / "my world"
    path.mkdir()
    world = copy(added_template, World(path))
    with Hub() as hub:
        hub.commit("acme/other", {"config.json": b"other"})
        world.env["HF_ENDPOINT"] = hub.url
        yield world


@pytest.mark.marathon
def test_wrong_credentials_are_refused_in_one_sentence(added_for_each, rclone):
    places = worlds(added_for_each, VERBS, rclone, rclone.endpoint, AWS_SECRET_ACCESS_KEY="wrong")

    assert_refused(places, rclone, rclone.endpoint, "refused the credentials: the secret key is wrong or, in some st")


def test_no_credentials_are_told_of(added_for_each, rclone):
    without = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    places = worlds(added_for_each, ["pull", "remote"], rclone, rclone.endpoint, **without)

    assert_refused(places, rclone, rclone.endpoint, "needs credentials, and there are none: ")


@pytest.mark.marathon
@pytest.mark.parametrize(("kind", "verbs"), REACH)
def test_no_bucket_is_told_of(added_for_each, servers, kind, verbs):
    store = serve(servers, kind)
    url = f"{store.scheme}://nowhere/team"
    places = worlds(added_for_each, verbs, store, store.endpoint, url)

    assert_refused(places, store, store.endpoint, "names a bucket that does not exist; nothing was changed", url)


def test_the_name_of_the_bucket_in_the_endpoint_is_told_of(world, moto):
    """As the pages of Cloudflare and DigitalOcean show it: a listing then asks for an object of the bucket's name."""
    world.env |= moto.env

    said = world.refused("remote", f"URL={moto.url}", f"ENDPOINT={moto.endpoint}/{moto.bucket}")

    assert "ENDPOINT is the address of the store, without the name of the bucket; nothing was changed" in said


@pytest.mark.marathon
@pytest.mark.parametrize(("kind", "verbs"), REACH)
def test_a_dead_endpoint_is_told_of(added_for_each, kind, verbs):
    dead = STORES[kind]()  # never started
    places = worlds(added_for_each, verbs, dead, dead.endpoint)

    assert_refused(places, dead, dead.endpoint, f"cannot be reached at {dead.endpoint}; nothing was changed")


@pytest.mark.marathon
@pytest.mark.parametrize(("kind", "verbs"), REACH)
def test_a_silent_endpoint_is_told_of(added_for_each, kind, verbs):
    mute = STORES[kind]()
    with silent() as (endpoint, _):
        places = worlds(added_for_each, verbs, mute, endpoint)

        assert_refused(
            places, mute, endpoint, f"cannot be reached at {endpoint} {IN_TIME}; nothing was changed", timeout=4
        )


UPLOAD = """
import sys, time
from lib.remote import errors
from lib.remote.s3 import S3
start = time.monotonic()
try:
    S3("storage", "s3://bucket/team", {"endpointurl": sys.argv[1]})._write("key", bytes(20_000_000))
except Exception as error:
    print(errors.sentence(error, "write"), time.monotonic() - start < 30)
"""


@pytest.mark.marathon
def test_an_upload_that_nobody_takes_is_given_up(world, moto):
    """The body is more than all the buffers on the way can hold."""
    python, scripts = str(world.clone / ".venv" / "bin" / "python"), str(world.clone / "scripts")
    with silent() as (endpoint, _):
        result = world.run(python, "-c", UPLOAD, endpoint, PYTHONPATH=scripts, TIMEOUT="2", **moto.env)

    assert result.out == f"cannot be reached {IN_TIME} True\n", result.said


def test_an_object_that_a_lifecycle_rule_has_archived_is_named_as_that(added, moto):
    fill(moto, added)
    key = key_for(PINNED["config.json"])
    moto.ask("PUT", f"/{moto.bucket}/{moto.prefix}/{key}", PINNED["config.json"], **{"x-amz-storage-class": "GLACIER"})

    result = use(added, moto).second().make("pull")

    assert result.code == 2
    assert f"has {moto.prefix}/{key} in an archive such as Glacier: restore it there first" in result.said


def test_a_remote_that_goes_during_a_pull_is_not_asked_for_the_next_model(two, moto):
    fill(moto, two)
    two.objects()[digest.of_bytes(b"one").md5].unlink()
    with Proxy(moto, lambda asked: shutil.rmtree(two.remote, True) if "X-Amz-Signature" in asked else None) as proxy:
        lines = f"['remote \"mirror\"']\n    url = {moto.url}\n    endpointurl = {proxy.endpoint}\n"
        settings(two, lines, local=True)
        two.env |= moto.env
        for path in (two.weights("tiny"), two.weights("mine"), two.clone / ".dvc" / "cache"):
            shutil.rmtree(path)

        said = two.ok("pull").said

    assert two.on_disk() == PINNED
    assert said.count("is not there, or its disk is not mounted; it is left out") == 1
    assert "make push MODEL=tiny" not in said


@pytest.mark.parametrize(
    ("name", "proxy"), [("HTTP_PROXY", "http:"), ("http_proxy", "http:"), ("HTTP_PROXY", "socks5:")]
)
def test_a_proxy_that_is_down_or_not_supported_is_named_as_what_cannot_be_reached(added, store, name, proxy):
    said = use(added, store).make("verify", "TIMEOUT=2", **{name: f"{proxy}//127.0.0.1:1"}).out

    where = f"cannot be reached at {store.endpoint} through the proxy that HTTPS_PROXY or HTTP_PROXY names"
    assert f"verify: remote 'storage' ({store.url}) {where}; nothing was changed; " in said


def test_what_was_read_before_an_object_could_not_be_is_told(added, moto):
    fill(moto, added)
    moto.put(key_for(PINNED["config.json"]), PINNED["config.json"][::-1])
    (key,) = (key for key in moto.objects() if key.endswith(".dir"))  # which is read last
    data = moto.objects()[key]
    moto.ask("PUT", f"/{moto.bucket}/{moto.prefix}/{key}", data, **{"x-amz-storage-class": "GLACIER"})

    result = use(added, moto).make("verify", "DEEP=1")

    assert result.code == 2
    assert "verify: tiny/config.json: changed on the remote (object " in result.out
    assert (
        "restore it there first; run the same command again to continue; the rest of the remote was not" in result.out
    )
    assert "2 of 4 objects on the remote (1 changed, 1 not asked, 2 read)\n" in result.out


def test_an_object_whose_published_hash_is_another_is_no_copy(added, moto):
    fill(moto, added)
    moto.put(key_for(PINNED["config.json"]), PINNED["config.json"][::-1])
    use(added, moto)
    shutil.rmtree(added.clone / ".dvc" / "cache")
    before = added.state()

    assert "models/tiny/config.json exists nowhere else" in added.refused("remove", "MODEL=tiny")
    assert added.state() == before


def test_a_bit_that_changes_on_the_way_up_is_sent_again_for_a_small_object_too(added, rclone):
    use(added, rclone)
    with Proxy(
        rclone, lambda request: "flip up" if request.startswith("PUT") and "/files/" in request else None
    ) as proxy:
        use(added, rclone, proxy.endpoint)

        added.ok("push")

        assert len(proxy.struck) == 1
        assert "4 of 4 objects on the remote (4 read)" in added.ok("verify", "DEEP=1").out


def test_no_damaged_object_of_the_cache_goes_up(added, moto):
    inflict(added, "cache", "changed")

    use(added, moto).ok("push")

    assert held(moto) == {key_of(oid): path.read_bytes() for oid, path in added.objects().items()}


@pytest.mark.parametrize(
    ("kind", "begins"),
    [("rclone", "?uploads"), pytest.param("gcs", "uploadType=resumable", marks=pytest.mark.marathon)],
)
def test_weights_that_are_written_to_while_they_go_up_are_not_on_the_remote(big, servers, kind, begins):
    store, weights = serve(servers, kind), big.weights("big") / "model.safetensors"
    oid = hashlib.md5(weights.read_bytes(), usedforsecurity=False).hexdigest()

    def write(request: str) -> None:
        if begins in request:
            weights.chmod(0o644)
            with weights.open("r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"!")

    with Proxy(store, write) as proxy:
        use(big, store, proxy.endpoint)

        result = big.make("push")

        assert result.code == 2
        assert "big/model.safetensors: changed in the cache (object " in result.out
        assert key_of(oid) not in held(store)


def test_an_object_that_goes_while_all_are_read_is_missing_and_the_others_are_told(added, moto):
    fill(moto, added)
    gone = key_for(PINNED["config.json"])
    with Proxy(moto, lambda request: 404 if request.startswith("GET") and gone in request else None) as proxy:
        use(added, moto, proxy.endpoint)

        result = added.make("verify", "DEEP=1")

    assert result.code == 2
    assert "verify: tiny/config.json: missing from the remote" in result.out
    assert "3 of 4 objects on the remote (1 missing, 3 read)" in result.out


@pytest.fixture
def held_up(two, hub, rclone):
    """A world that is adding, tracking or updating: what `meanwhile` does happens as the first object goes up."""
    two.env["HF_ENDPOINT"] = hub.url
    fill(rclone, two)
    acts = []

    def act(request: str) -> None:
        if request.startswith("PUT") and "/files/" in request and acts:
            acts.pop()()

    with Proxy(rclone, act) as proxy:
        yield use(two, rclone, proxy.endpoint), acts.append


def test_a_checkout_during_an_upload_does_not_keep_the_pin_out_of_the_commit(held_up):
    world, meanwhile = held_up
    (world.weights("mine") / "more.txt").write_text("two")
    meanwhile(lambda: world.git("checkout", "--", "models/mine.dvc"))

    result = world.ok("track", "NAME=mine")

    assert result.out.startswith("tracked mine: ")
    assert "more.txt" in world.git("show", "HEAD:models/mine.dvc")
    assert world.git("status", "--porcelain") == ""
    assert "verified 2 pins" in world.ok("verify").out


def test_a_stash_during_an_update_does_not_keep_the_pin_out_of_the_commit(held_up, hub):
    world, meanwhile = held_up
    new = hub.commit(MODEL, {"config.json": b"{ }"})
    meanwhile(lambda: world.git("stash"))

    world.ok("update")

    assert f"commit: {new}" in world.git("show", "HEAD:models/tiny.dvc").replace('"', "")
    assert "verified 2 pins" in world.ok("verify").out


def test_a_switch_of_branches_during_an_upload_stops_before_the_commit(held_up, hub):
    world, meanwhile = held_up
    hub.commit("acme/other", {"config.json": b"{}"})
    meanwhile(lambda: world.git("switch", "--quiet", "--create", "feature"))
    before = world.git("rev-parse", "HEAD")

    said = world.refused("add", "MODEL=acme/other")

    assert "nothing was committed, since HEAD moved from main to feature; switch back, then run it again" in said
    assert world.git("rev-parse", "HEAD") == before
    world.git("switch", "--quiet", "main")
    assert world.ok("add", "MODEL=acme/other").out.startswith("added other: ")


def test_a_commit_of_somebody_else_during_a_commit_is_kept(added):
    add_hook(
        added,
        "#!/bin/sh\nrm .git/hooks/pre-commit\ngit update-ref HEAD $(git commit-tree HEAD^{tree} -p HEAD -m theirs)\n",
    )

    track(added, "mine", "one")

    assert added.git("log", "--format=%s").splitlines()[:2] == ["Add mine model", "theirs"]
    assert "verified 2 pins" in added.ok("verify").out


def test_a_hook_that_takes_a_pin_out_of_the_commit_is_told(added):
    hook = add_hook(added, "#!/bin/sh\ngit rm --quiet --cached models/mine.dvc\n")

    said = added.refused("track", "NAME=mine", f"DIR={added.weights()}")

    assert said.endswith("the Git commit does not have mine as it should, perhaps due to a hook; see: git show")
    hook.unlink()
    added.ok("track", "NAME=mine", f"DIR={added.weights()}")
    assert "verified 2 pins" in added.ok("verify").out


def test_a_hook_that_adds_a_removed_pin_again_is_told(added):
    add_hook(added, "#!/bin/sh\ngit add --all\n")

    said = added.refused("remove", "MODEL=tiny")

    assert said.endswith("the Git commit does not have tiny as it should, perhaps due to a hook; see: git show")
    assert added.weights().exists()


@pytest.mark.parametrize("words", [("MODEL=tiny",), ("MODEL=twin tiny",)], ids=["absent", "freed before"])
def test_free_keeps_the_objects_of_a_model_that_was_pulled_meanwhile(added, rclone, words):
    settings(added, "[cache]\n    type = symlink\n", local=True)
    shutil.copytree(added.weights(), added.path / "copy")
    added.ok("track", "NAME=twin", f"DIR={added.path / 'copy'}")
    if words == ("MODEL=tiny",):
        shutil.rmtree(added.weights("twin"))
    fill(rclone, added)
    pulls = [lambda: added.ok("pull", "MODEL=twin")]

    def act(request: str) -> None:
        if "HEAD" in request and "/files/" in request and not added.weights("twin").exists() and pulls:
            pulls.pop()()

    with Proxy(rclone, act) as proxy:
        use(added, rclone, proxy.endpoint)

        added.ok("free", *words)

    assert not pulls
    assert added.on_disk("twin") == PINNED


def test_a_trial_object_that_may_not_be_read_is_deleted(world, rclone):
    is_read = re.compile(r"GET .*\.probe-")
    with Proxy(rclone, lambda request: 403 if is_read.search(request) else None, once=False) as proxy:
        world.env |= rclone.env

        said = world.refused("remote", f"URL={rclone.url}", f"ENDPOINT={proxy.endpoint}")

    assert said.endswith("refused the credentials: they may not read there; nothing was changed")
    assert not [key for key in rclone.objects() if ".probe-" in key]


def test_a_trial_object_that_comes_back_changed_is_told_of(world, rclone):
    is_read = re.compile(r"GET .*\.probe-")
    with Proxy(rclone, lambda request: "flip" if is_read.search(request) else None, once=False) as proxy:
        world.env |= rclone.env

        said = world.refused("remote", f"URL={rclone.url}", f"ENDPOINT={proxy.endpoint}")

    assert "returned different bytes from those it was given" in said
    assert not [key for key in rclone.objects() if ".probe-" in key]


def test_a_trial_object_that_may_not_be_deleted_is_named(world, rclone):
    with Proxy(rclone, lambda request: 403 if request.startswith("DELETE") else None, once=False) as proxy:
        world.env |= rclone.env

        said = world.refused("remote", f"URL={rclone.url}", f"ENDPOINT={proxy.endpoint}")

    assert re.search(r"they may not delete there; team\d+/\.probe-[0-9a-f]{32} stays there$", said)


@pytest.mark.parametrize("once", [True, False])
def test_a_store_that_lacks_what_was_just_written_is_asked_again(added, rclone, once):
    """Once, as while another client replaces the object, or always."""
    is_asked = re.compile(r"HEAD .*/\.model-weights")
    with Proxy(rclone, lambda request: 404 if is_asked.match(request) else None, once=once) as proxy:
        use(added, rclone, proxy.endpoint)

        said = added.make("doctor").said

        assert proxy.struck
    assert ("gave it back and deleted it" in said) == once
    assert ("does not have what was just written to it" in said) == (not once)
