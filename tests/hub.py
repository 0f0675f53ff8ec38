"""A Hugging Face Hub on loopback: serves models to the real client, logs every request and fails when told to.

with Hub() as hub:
    commit = hub.commit("org/name", {"config.json": b"{}", "model.safetensors": Path("weights")})
    hub.faults.append(Fault("GET .*/model", lambda answer: answer.stall(5), after=1000))

With `Hub(xet=FOLDER)` it also keeps LFS files in Xet, in a store in that folder, and says so as the Hub does.

As a command it serves folders: python hub.py ORG/NAME=DIR [ORG/NAME=DIR ...] [--port N] [--ready FILE] [--xet FOLDER]
"""

import argparse
import hashlib
import io
import json
import os
import re
import signal
import socket
import struct
import threading
import time
import weakref
from collections import namedtuple
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path, PurePosixPath
from socketserver import ThreadingTCPServer
from urllib.parse import parse_qsl, unquote, urlencode

os.environ.setdefault("HF_XET_LOG_DEST", os.devnull)
Source = bytes | Path
MIB = 1 << 20
LFS = (".safetensors", ".bin", ".gguf", ".onnx", ".h5", ".msgpack")
ROUTE = re.compile(
    r"(?:/api/models)?/((?!api/)[^/]+/[^/]+)(?:/(revision|tree|resolve|xet-read-token)/([^/]+)(?:/(.+))?|/(auth-check))?"
)
Commit = namedtuple("Commit", "id license sources entries")  # entries: path -> what a listing says about it
Reply = namedtuple("Reply", "status headers source start stop", defaults=(b"", 0, 0))  # the slice source[start:stop]


@dataclass
class Request:
    """A line of the log, added when the request arrives; `path` is as sent, query included."""

    method: str
    path: str
    range: str | None
    token: str
    encoding: str  # Accept-Encoding
    status: int | None = None  # None: nothing sent yet
    sent_bytes: int = 0  # of the body


@dataclass
class Fault:
    """What happens to the next `times` requests (None: all) whose "METHOD path", as sent, contains the pattern `match`.

    `action` is called with the Answer, before anything is looked up or, with `after`, once the head and that many
    bytes of the body are sent (too late for `status` and `redirect`). Whatever it leaves unsent is sent afterwards.
    It may be any function: `lambda _: hub.commit(...)` moves a branch. Only the first fault that matches is used.
    """

    match: str
    action: Callable[["Answer"], object]
    times: int | None = 1  # counts down
    after: int | None = None
    reached: threading.Event = field(default_factory=threading.Event)  # set when the action begins


class Refused(Exception):
    """The Hub refuses a request: HTTP status and X-Error-Code."""


def opened(source: Source) -> io.BufferedIOBase:
    return source.open("rb") if isinstance(source, Path) else io.BytesIO(source)


@lru_cache(256)
def digest(kind: str, source: Source, size: int, mtime_ns: int) -> str:
    """The sha256, or the sha1 by which Git names a blob; a file is read again only if its size or time has changed."""
    hasher = hashlib.new(kind, b"blob %d\0" % size if kind == "sha1" else b"")
    with opened(source) as stream:
        while piece := stream.read(MIB):
            hasher.update(piece)
    return hasher.hexdigest()


def describe(path: str, source: Source) -> dict:
    """What a listing says about a file, under the keys of both APIs; with LFS, `oid` is that of the pointer file."""
    stat = source.stat() if isinstance(source, Path) else None
    size, mtime_ns = (stat.st_size, stat.st_mtime_ns) if stat else (len(source), 0)
    entry = {"type": "file", "path": path, "rfilename": path, "size": size}
    if path.endswith(LFS) or size > 10 * MIB:
        sha256 = digest("sha256", source, size, mtime_ns)
        source = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
        entry["lfs"] = {"oid": sha256, "sha256": sha256, "size": size, "pointerSize": len(source)}
        size = len(source)
    oid = digest("sha1", source, size, mtime_ns)
    return entry | {"oid": oid, "blobId": oid}


class Answer(BaseHTTPRequestHandler):
    """One request and its answer; the methods from `send` on are for the actions of faults."""

    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def handle(self):
        with suppress(ConnectionError):  # a client that left, or a fault that hung up
            super().handle()

    def do_GET(self):
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.log = Request(
            self.command, self.path, self.headers["Range"], token, self.headers.get("Accept-Encoding", "")
        )
        self.server.requests.append(self.log)
        self.reply, self.rate = None, float("inf")
        if fault := self.server.next_fault(f"{self.command} {self.path}"):
            if fault.after is not None:
                self.send(fault.after)
            fault.reached.set()
            fault.action(self)
        self.send()

    do_HEAD = do_GET

    def look_up(self) -> Reply:
        target, _, query = self.path.partition("?")
        try:
            if target == "/api/whoami-v2":
                if self.log.token != self.server.token:
                    raise Refused(401, "InvalidToken")
                return self.as_json({"type": "user", "name": "tester"})
            if not (route := ROUTE.fullmatch(target)):
                raise Refused(404, "NotFound")
            repo, verb, revision, path, check = (unquote(part or "") for part in route.groups())
            if new := self.server.renamed.get(repo):
                return Reply(307, {"Location": self.path.replace(repo, new, 1)})
            commit = self.find(repo, revision or "main")
            answer = getattr(self, (verb or check or "revision").replace("-", "_"))
            return answer(repo, commit, path, dict(parse_qsl(query)))
        except Refused as refused:
            status, code = refused.args
            return self.as_json({"error": code}, {"X-Error-Code": code}, status)

    def as_json(self, data: object, headers: dict | None = None, status: int = 200) -> Reply:
        body = json.dumps(data).encode()
        return Reply(status, {"Content-Type": "application/json"} | (headers or {}), body, 0, len(body))

    def find(self, repo: str, revision: str) -> Commit:
        revisions = self.server.repos.get(repo)
        if not revisions or (repo in self.server.private and self.log.token != self.server.token):
            raise Refused(404 if self.log.token else 401, "RepoNotFound")
        if commit := revisions.get(revision):
            return commit
        raise Refused(404, "RevisionNotFound")

    def revision(self, repo: str, commit: Commit, path: str, query: dict) -> Reply:
        hub, license = self.server, commit.license
        data = {"id": repo, "sha": commit.id, "private": repo in hub.private}
        data["gated"] = "manual" if repo in hub.gated else False
        data["cardData"] = ({"license": license} if license else {}) | hub.cards.get(repo, {})
        data["lastModified"] = "2026-11-20T08:00:00.000Z"
        data["tags"] = [f"license:{license}"] if license else []
        blobs = query.get("blobs") == "true"
        data["siblings"] = [entry if blobs else {"rfilename": name} for name, entry in commit.entries.items()]
        if query.get("securityStatus") == "true":
            issues = [{"path": name, "level": "unsafe"} for name in hub.unsafe.get(repo, ())]
            data["securityRepoStatus"] = {"scansDone": repo not in hub.unscanned, "filesWithIssues": issues}
        return self.as_json(data)

    def auth_check(self, repo: str, commit: Commit, path: str, query: dict) -> Reply:
        if repo in self.server.gated and self.log.token != self.server.token:
            raise Refused(403 if self.log.token else 401, "GatedRepo")
        return self.as_json({})

    def tree(self, repo: str, commit: Commit, path: str, query: dict) -> Reply:
        parents = {str(parent) for name in commit.entries for parent in PurePosixPath(name).parents}
        oids = {name: hashlib.sha1(name.encode()).hexdigest() for name in parents - {".", "/"}}
        folders = [{"type": "directory", "path": name, "size": 0, "oid": oid} for name, oid in oids.items()]
        entries = sorted([*folders, *commit.entries.values()], key=lambda entry: entry["path"])
        start = int(query.get("cursor", 0))
        stop = start + self.server.page_size
        target = f"http://{self.headers['Host']}{self.path.partition('?')[0]}"
        link = {"Link": f'<{target}?{urlencode(query | {"cursor": stop})}>; rel="next"'}
        return self.as_json(entries[start:stop], link if entries[stop:] else {})

    def resolve(self, repo: str, commit: Commit, path: str, query: dict) -> Reply:
        if repo in self.server.gated and self.log.token != self.server.token:
            raise Refused(403 if self.log.token else 401, "GatedRepo")
        if path not in commit.entries:
            raise Refused(404, "EntryNotFound")
        entry, source = commit.entries[path], commit.sources[path]
        size, lfs = entry["size"], entry.get("lfs")
        etag = f'"{lfs["sha256"] if lfs else entry["oid"]}"'
        headers = {"ETag": etag, "X-Repo-Commit": commit.id, "Accept-Ranges": "bytes"}
        headers |= {"X-Linked-Etag": etag, "X-Linked-Size": str(size)} if lfs else {}
        if "xetHash" in entry:
            token = f"{self.server.url}/api/models/{repo}/xet-read-token/{commit.id}"
            headers |= {"X-Xet-Hash": entry["xetHash"], "Link": f'<{token}>; rel="xet-auth"'}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.log.range or "")
        if not asked:
            return Reply(200, headers, source, 0, size)
        start, stop = int(asked[1]), min(int(asked[2] or size) + 1, size)
        if start >= stop:
            return Reply(416, {"Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        return Reply(206, headers, source, start, stop)

    def xet_read_token(self, repo: str, commit: Commit, path: str, query: dict) -> Reply:
        if repo in self.server.gated and self.log.token != self.server.token:
            raise Refused(403 if self.log.token else 401, "GatedRepo")
        store, token, end = self.server.xet, "a token", int(time.time()) + 3600
        headers = {"X-Xet-Cas-Url": store, "X-Xet-Access-Token": token, "X-Xet-Token-Expiration": str(end)}
        return self.as_json({"casUrl": store, "accessToken": token, "exp": end}, headers)

    def send(self, count: float = float("inf")):
        """Send the head, unless it is sent already, and up to `count` more bytes of the body."""
        if self.log.status is None:
            self.send_head()
        stop = min(self.at + count, self.stop)
        while self.at < stop:
            piece = int(min(MIB, stop - self.at, self.rate // 20 + 1))
            self.put(self.source, self.at, piece)
            self.stall(piece / self.rate)

    def send_head(self):
        self.reply = self.reply or self.look_up()
        self.log.status, headers, self.source, self.at, self.stop = self.reply
        self.send_response_only(self.log.status)
        for name, value in {**headers, "Content-Length": str(self.stop - self.at)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            self.stop = self.at

    def put(self, source: Source, start: int, count: int):
        self.log.sent_bytes += count  # before they are sent: whoever has the bytes must find them in the log
        with opened(source) as stream:
            if self.connection.sendfile(stream, start, count) < count:
                raise ConnectionAbortedError("the file is shorter than when it was committed")
        self.at += count

    def status(self, status: int, headers: dict[str, str] | None = None):
        self.reply = Reply(status, headers or {})

    def redirect(self, base: str):
        """Redirect to the same path under `base`, as to a CDN, if there is something to get."""
        self.reply = self.look_up()
        if self.reply.status < 300:
            self.reply = Reply(302, self.reply.headers | {"Location": base + self.path})

    def slow(self, rate: float):
        self.rate = rate  # bytes per second

    def stall(self, seconds: float):
        if self.server.stopping.wait(seconds):
            raise ConnectionAbortedError("the hub stops")

    def hold(self, event: threading.Event):
        while not event.is_set():
            self.stall(0.01)

    def corrupt(self):
        """Send the next byte with one bit flipped."""
        self.send(0)
        if self.at < self.stop:
            with opened(self.source) as stream:
                stream.seek(self.at)
                self.put(bytes([stream.read(1)[0] ^ 1]), 0, 1)

    def cut(self):
        raise ConnectionAbortedError("a fault")

    def reset(self):
        self.stall(0.05)  # a reset discards bytes that the client has not received yet
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()  # otherwise it would keep the socket open
        self.connection.close()
        self.cut()


class Hub(ThreadingTCPServer):
    """The server, on 127.0.0.1:`port` (0: any free port) from start() to stop(); it cannot be started again."""

    allow_reuse_address, request_queue_size = True, 128

    def __init__(self, port: int = 0, xet: Path | None = None):
        self.store, self.xet = (
            xet,
            f"local://{xet}" if xet else None,
        )  # the folder of the Xet store, and the address of it that clients are given
        self.repos: dict[str, dict[str, Commit | None]] = {}  # branch, tag or id -> commit; None: forgotten
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.gated: set[str] = set()  # everyone may look, only `token` may download
        self.private: set[str] = set()  # only `token` may look
        self.renamed: dict[str, str] = {}  # old name of a repo -> its new one
        self.cards: dict[str, dict] = {}  # repo -> more of its model card
        self.unscanned: set[str] = set()  # repos whose scan is not done
        self.unsafe: dict[str, list[str]] = {}  # repo -> paths that the security scan warns of
        self.token, self.page_size = "hf_good", 1000
        self.lock, self.stopping = threading.Lock(), threading.Event()
        self.connections = weakref.WeakKeyDictionary()  # by running thread, for stop() to close
        self.serving = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        super().__init__(("127.0.0.1", port), Answer)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> "Hub":
        self.serving.start()
        return self

    def stop(self, *_):
        self.stopping.set()
        if self.serving.is_alive():
            self.shutdown()
        self.server_close()
        for thread, connection in list(self.connections.items()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    __enter__, __exit__ = start, stop

    def process_request(self, request: socket.socket, client_address: tuple):
        work = (request, client_address)
        thread = threading.Thread(target=self.process_request_thread, args=work, daemon=True)
        self.connections[thread] = request
        thread.start()

    def commit(self, repo: str, tree: dict[str, Source], license: str = "", branch: str = "main") -> str:
        """Make `tree` (path -> content) all that `branch` holds; returns the commit's id."""
        entries = {path: describe(path, source) for path, source in tree.items()}
        if self.store:
            self.keep_in_xet({path: tree[path] for path, entry in entries.items() if "lfs" in entry}, entries)
        revisions = self.repos.setdefault(repo, {})
        content = json.dumps([repo, len(revisions), license, entries], sort_keys=True)
        commit = Commit(hashlib.sha1(content.encode()).hexdigest(), license, dict(tree), entries)
        revisions.update({commit.id: commit, branch: commit})
        return commit.id

    def keep_in_xet(self, tree: dict[str, Source], entries: dict[str, dict]):
        """Put the files of `tree` into the store, and their hashes there into `entries`."""
        from hf_xet import XetSession

        lasting = {"token": "a token", "token_expiry_unix_secs": int(time.time()) + 3600}
        with XetSession().new_upload_commit(endpoint=f"local://{self.store}", **lasting) as store:
            put = {
                path: store.start_upload_bytes(source)
                if isinstance(source, bytes)
                else store.start_upload_file(str(source))
                for path, source in tree.items()
            }
        for path, upload in put.items():
            entries[path]["xetHash"] = upload.result().xet_info.hash

    def tag(self, repo: str, name: str, commit: str):
        self.repos[repo][name] = self.repos[repo][commit]

    def rename(self, old: str, new: str):
        self.repos[new] = self.repos.pop(old)
        self.renamed[old] = new

    def forget(self, repo: str, commit: str):
        revisions = self.repos[repo]
        revisions.update({name: None for name, known in revisions.items() if known and known.id == commit})

    def next_fault(self, line: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times != 0 and re.search(fault.match, line):
                    fault.times = fault.times and fault.times - 1
                    return fault


def commit_folder(hub: Hub, repo: str, folder: Path):
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): path for path in paths}
    card = files["README.md"].read_text(errors="replace") if "README.md" in files else ""
    license = re.match(r"---\n(?:(?!---).*\n)*?license:[ \t]*['\"]?([\w.-]+)", card)
    hub.commit(repo, files, license[1] if license else "")


def main():
    parser = argparse.ArgumentParser(description="A Hub on loopback: each folder is one commit on main.")
    parser.add_argument("models", nargs="+", metavar="ORG/NAME=DIR")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready", type=Path, metavar="FILE", help="gets the URL as soon as it can be used")
    parser.add_argument("--xet", type=Path, metavar="FOLDER", help="keep large files in Xet, in a store in this folder")
    args = parser.parse_args()
    hub, signals = Hub(args.port, args.xet), {signal.SIGTERM, signal.SIGINT}
    for model in args.models:
        repo, _, folder = model.partition("=")
        if not folder or not Path(folder).is_dir():
            parser.error(f"not a model and its folder: {model!r} (want ORG/NAME=DIR)")
        commit_folder(hub, repo, Path(folder))
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # threads started later inherit it
    with hub:
        if args.ready:
            part = args.ready.with_name(f"{args.ready.name}.part")
            part.write_text(f"{hub.url}\n")
            part.replace(args.ready)
        print(hub.url, flush=True)
        signal.sigwait(signals)


if __name__ == "__main__":
    main()
