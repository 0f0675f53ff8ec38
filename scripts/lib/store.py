"""Object stores, S3 and Google Cloud Storage: how long they are waited for, and what they say in our words."""

import base64
import hashlib
import logging
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

# gcsfs asks a second service for the bucket's type first, and waits without end where that is out of reach.
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
# s3fs tries five times, and each time botocore tries five times more.
os.environ.setdefault("AWS_MAX_ATTEMPTS", "2")
for noisy in ("asyncio", "gcsfs"):  # they log the traceback of an error that is told of in one sentence here
    logging.getLogger(noisy).setLevel(logging.CRITICAL + 1)

ANSWER = 20  # seconds that a store has to show that it works, all tries together
SILENCE = 30  # seconds without a byte after which a connection is given up, then tried again
PARTS = 3  # of one object side by side
PART = 8 << 20  # bytes, all in memory, of each object that is on its way
DVC_PART = 50 << 20  # bytes; plain DVC uploads so
MOST = 10_000  # parts of an object that S3 takes


@dataclass(frozen=True)
class Fact:
    """What a store says of an object without reading it: SIZE in bytes, and one digest of the content, if it has any.

    MD5 (hex) is Google's, for every object that was not composed of others. ETAG is S3's: the md5 of an object that
    was uploaded in one part, md5-of-md5s and `-N` for N parts, and neither where a key of the user's encrypts it.
    """

    size: int
    md5: str | None = None
    etag: str | None = None


def fact(info: dict) -> Fact:
    """INFO of an fsspec file system as a Fact."""
    md5 = base64.b64decode(info["md5Hash"]).hex() if "md5Hash" in info else None
    return Fact(info["size"], md5, str(info.get("ETag", "")).strip('"') or None)


def part_size(size: int) -> int:
    """How many bytes of an object of SIZE bytes are uploaded to S3 at once."""
    return max(PART, -(-size // MOST))


def etag_of(path: Path, parts: int) -> str | None:
    """The ETag that S3 gives the file at PATH, uploaded in PARTS parts; None if neither we nor DVC make so many of it.

    Raises OSError.
    """
    size = path.stat().st_size
    for part in (part_size(size), DVC_PART):
        if -(-size // part) == parts:
            with path.open("rb") as file:
                digests = [hashlib.md5(file.read(part), usedforsecurity=False).digest() for _ in range(parts)]
            return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{parts}"
    return None


def bound(fs) -> None:
    """Make DVC's file system FS, which has not connected yet, give up where no byte moves, however long that took."""
    if fs.protocol == "s3":
        from aiobotocore.session import AioSession
        from botocore.handlers import add_expect_header

        session = fs.fs_args["session"] = AioSession(profile=fs.fs_args.get("profile"))
        session.unregister("before-call.s3", add_expect_header)  # aiohttp waits without end for what answers this
        options = fs.fs_args.setdefault("config_kwargs", {})
        options.setdefault("read_timeout", SILENCE)
        options["connector_args"] = {"socket_factory": _socket}
        fs.fs_args["max_concurrency"] = PARTS
    elif fs.protocol == "gs":
        import aiohttp
        from fsspec.asyn import get_loop, sync

        async def connector() -> aiohttp.TCPConnector:
            return aiohttp.TCPConnector(socket_factory=_socket)

        fs.fs_args["requests_timeout"] = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=SILENCE)
        fs.fs_args["session_kwargs"]["connector"] = sync(get_loop(), connector)


def _socket(address: tuple) -> socket.socket:
    made = socket.socket(*address[:3])
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # an upload that the other side does not take; no client limits that
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE * 1000)
    return made


class Unable(Exception):
    """What the store did not do, as the end of a sentence that begins with its name."""


async def prove(fs, top: str, marker: str | None, data: bytes, probe: bool, at: str | None) -> None:
    """Prove that the bucket of FS is there and lists what lies under TOP. Raises Unable.

    MARKER is an object to make of DATA, where it must take some. PROBE makes, reads back and deletes one of its own.
    """
    step = "list"
    try:
        if "s3" in fs.protocol:
            await fs._lsdir(top, max_items=1, delimiter="")
        else:
            await fs._do_list_objects(top, max_results=1, delimiter="")
        step = "write"
        if marker:
            await fs._pipe_file(marker, data)
        if probe:
            path = f"{top}/.probe-{uuid4().hex}"
            await fs._pipe_file(path, data)
            step = "read"
            found = await fs._cat_file(path)
            step = "delete"
            await fs._rm_file(path)
            if found != data:
                raise Unable("gave back other bytes than it was given")
    except FileNotFoundError as error:
        raise Unable(MEANINGS["NoSuchBucket"] if step == "list" else f"lost an object on {step}") from error
    except Unable:
        raise
    except Exception as error:  # each client has its own tree of errors, with nothing in common
        raise Unable(sentence(error, step, at)) from error


# What tells of an error, codes of the stores and classes of their clients, and what it means.
MEANINGS = {
    "Anonymous caller|NoCredentialsError|PartialCredentialsError|CredentialRetrievalError|DefaultCredentialsError": (
        "wants credentials, and there are none: log in (aws or gcloud), or set them in the environment"
    ),
    r"\w*SSO\w*Error|TokenRetrievalError|RefreshError": "wants a login, and the last one has run out: log in again",
    "ProfileNotFound": "wants a profile that is not in your AWS configuration",
    "InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|AuthFailure|401": "refused the credentials",
    "RequestTimeTooSkewed": "refused the credentials, since the clock of this machine is wrong",
    "AccessDenied|AllAccessDisabled|AccountProblem|403|Forbidden": "refused the credentials: they may not {step} there",
    "NoSuchBucket": "names a bucket that does not exist",
    "InvalidBucketName|ParamValidationError": "has a name that the store does not take for a bucket",
    "PermanentRedirect|Redirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException|301|307": (
        "is a bucket of another region; set that: make remote URL=… REGION=…"
    ),
    r"SlowDown|ServiceUnavailable|InternalError|429|50\d": "is overloaded or out of order, as it says ({mark})",
    "SSLCertVerificationError": "cannot be reached safely{at}: its certificate is not trusted here",
    "HTTPClientError|ConnectionError|ClientConnectionError|ClientPayloadError|TimeoutError|TransportError"
    "|RequestException|gaierror|EndpointConnectionError|IncompleteRead": "cannot be reached{at}",
}


def _marks(error: BaseException | None) -> Iterator[str]:
    """What tells the kind of ERROR: of what caused it first, then its text up to a colon, its code, its classes."""
    if error is None:
        return
    yield from _marks(error.__cause__ or error.__context__)
    yield str(error).partition(":")[0].partition(" does ")[0]
    response = getattr(error, "response", None)
    yield str(response["Error"].get("Code") if isinstance(response, dict) else getattr(error, "code", ""))
    yield from (kind.__name__ for kind in type(error).__mro__)


def sentence(error: Exception, step: str, at: str | None = None) -> str:
    """ERROR of the store AT an endpoint, met on trying to STEP, as the end of a sentence that begins with its name."""
    if isinstance(error, Unable):
        return str(error)
    for mark in _marks(error):
        for pattern, meaning in MEANINGS.items():
            if re.fullmatch(pattern, mark):
                return meaning.format(step=step, mark=mark, at=f" at {line(at)}" if at else "")
    return f"failed: {line(error)}"


def line(said: object) -> str:
    """What was SAID as one line, without a password in a URL."""
    text = str(said).strip().partition("\n")[0][:300] or type(said).__name__
    return re.sub(r"//[^/@\s]*@", "//", text)
