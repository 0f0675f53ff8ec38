"""DVC's file systems for S3 and Google Cloud Storage: their time limits, and the proof that a bucket works."""

import logging
import os
import socket
import ssl
from uuid import uuid4

from lib.core import arguments
from lib.remote.errors import MEANINGS, Unable, sentence

# gcsfs first asks a second service for the bucket's type, and waits without end where that is out of reach.
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
# s3fs tries five times, and each time botocore tries five times more.
os.environ.setdefault("AWS_MAX_ATTEMPTS", "2")
for noisy in ("asyncio", "gcsfs"):  # they log the traceback of an error that gets one sentence here
    logging.getLogger(noisy).setLevel(logging.CRITICAL + 1)

PARTS = 3  # of one object side by side


def answer() -> float:
    """Seconds in which a store must show that it works, with all tries."""
    return max(1.0, arguments.timeout() / 3)


def silence() -> float:
    """Seconds without a byte after which a connection is dropped; every request is tried twice."""
    return max(1.0, arguments.timeout() / 2)


def limit(fs) -> None:
    """Make DVC's file system `fs`, not connected yet, give up when no byte moves, however long a transfer takes."""
    if fs.protocol == "s3":
        from aiobotocore.session import AioSession
        from botocore.handlers import add_expect_header

        session = fs.fs_args["session"] = AioSession(profile=fs.fs_args.get("profile"))
        session.unregister("before-call.s3", add_expect_header)  # aiohttp waits without end for the answer to it
        options = fs.fs_args.setdefault("config_kwargs", {})
        options.setdefault("read_timeout", silence())
        options.setdefault("signature_version", "s3v4")  # of addresses, too, which have an older one by default
        options["connector_args"] = {"socket_factory": _socket}
        fs.fs_args["max_concurrency"] = PARTS
    elif fs.protocol == "gs":
        import aiohttp
        from fsspec.asyn import get_loop, sync

        async def connector() -> aiohttp.TCPConnector:
            return aiohttp.TCPConnector(socket_factory=_socket)

        fs.fs_args["requests_timeout"] = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=silence())
        fs.fs_args["session_kwargs"]["connector"] = sync(get_loop(), connector)


def trust(fs) -> ssl.SSLContext:
    """The certificates that `fs` trusts: those that its settings or AWS's name, else those of this machine."""
    made = ssl.create_default_context()
    if fs.protocol == "s3":
        said = fs.fs_args.get("client_kwargs", {}).get("verify")
        bundle = said if said is not None else fs.fs_args["session"].get_config_variable("ca_bundle")
        if bundle is False:
            made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        elif isinstance(bundle, str):
            return ssl.create_default_context(cafile=bundle)
    return made


def _socket(address: tuple) -> socket.socket:
    made = socket.socket(*address[:3])
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # no client limits an upload that the other side does not take
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(silence() * 1000))
    return made


async def prove(fs, top: str, marker: str | None, data: bytes, probe: bool, at: str | None) -> None:
    """Prove that the bucket of `fs` exists and lists what lies below `top`. Raises `Unable`.

    `marker` is an object to make of `data`, if it must take one; a `probe` is written, read back and deleted.
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
