"""Show DVC's remotes, or set one in .dvc/config once it has been proven to work."""

import os
import re
from pathlib import Path

from lib.core import arguments, console, paths, shell
from lib.core.errors import Failure
from lib.core.text import one_line
from lib.disk import settings
from lib.remote import factory
from lib.remote.base import NAME, Remote, mark
from lib.remote.folder import DEFAULT

ADDRESS = r"https?://([\w.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?(/[\w./-]*)?"
# Variables besides URL: DVC's name for each, the schemes it is for, its pattern, and an example.
SETTINGS = {
    "ENDPOINT": ("endpointurl", "s3 gs", ADDRESS, "https://HOST"),
    "REGION": ("region", "s3", r"[a-zA-Z0-9][\w-]{0,62}", "eu-central-1"),
    "PROFILE": ("profile", "s3", r"[a-zA-Z0-9_][\w.@/+-]{0,127}", "a name in your AWS configuration"),
    "PROJECT": ("projectname", "gs", r"[a-z0-9][a-z0-9.:-]{0,99}", "a project's id"),
}


def canonical(text: str) -> str:
    """The URL typed as `text`; a folder as an absolute path. Raises `Failure`."""
    bucket = text.rstrip("/")
    if re.fullmatch(r"(s3|gs)://[A-Za-z0-9][\w.-]*(/(?!/)[\w .=+,!()~-]*)*(?<! )", bucket) and ".." not in text:
        settings.check_url(text)
        return bucket
    if "://" in text and re.search(r"[@?#]", text):
        raise Failure("not a remote: a URL with a password or a query in it; credentials come from the environment")
    if "://" in text or text.startswith("-") or "%(" in text or not text.isprintable():
        raise Failure(f"not a remote: {text!r} (want s3://bucket/path, gs://bucket/path or a folder)")
    folder = paths.typed(text).resolve()
    settings.check_url(str(folder))
    if folder.is_relative_to(paths.ROOT) and folder != DEFAULT:
        raise Failure(f"not a remote: {str(folder)!r} lies in this clone, where Git sees it; name a folder outside")
    return str(folder)


def wanted(url: str) -> dict[str, str]:
    """DVC's settings for the remote at `url`, as typed. Raises `Failure`, which shows no value: it may be a secret."""
    kind, _, rest = url.partition("://")
    found = {"url": url}
    for typed, (setting, kinds, form, example) in SETTINGS.items():
        if not (text := arguments.value(typed)):
            continue
        if not rest or kind not in kinds.split():
            raise Failure(f"{typed} is only for {' and '.join(f'{each}://' for each in kinds.split())}; leave it out")
        if not re.fullmatch(form, text, re.ASCII):
            raise Failure(f"not a value for {typed} (want {example}, without a password or a query)")
        found[setting] = text
    return found


def name() -> str:
    """The name of the remote to set. Raises `Failure`."""
    typed = arguments.value("REMOTE") or NAME
    if typed not in settings.remotes() and not re.fullmatch("[a-z][a-z0-9_-]{0,62}", typed):
        raise Failure(f"not a name of a remote: {typed!r} (want lowercase letters, digits and dashes: mirror)")
    return typed


def show(names: list[str]) -> None:
    """Print a line for each remote in `names`. Raises the `Failure` of the last one that cannot be reached."""
    failed: list[Failure] = []
    for each in names:
        try:
            held = factory.named(each)
            held.check()
        except Failure as failure:
            failed.append(failure)
            continue
        known = {typed: held.config.get(setting) for typed, (setting, *_) in SETTINGS.items()}
        console.result(", ".join([f"{held.title} is there", *(f"{k}={one_line(v)}" for k, v in known.items() if v)]))
    for failure in failed[:-1]:
        console.remark(str(failure))
    if failed:
        raise failed[-1]


def prove(new: Remote) -> None:
    """Prove that `new` works; a folder is first made one. Raises `Failure`."""
    if new.is_folder:
        is_there = Path(new.url).exists()
        mark(Path(new.url))
        if not is_there:
            console.say(f"remote: made the folder {new.url}")
    is_read_only = new.is_folder and not os.access(new.url, os.W_OK)  # as a disk with an export may be
    if is_read_only:
        console.remark(f"{new.title} cannot be written to: make pull and make verify will work, make push will not")
    new.check(write=not is_read_only, probe=True)


def main() -> None:
    if not arguments.value("URL"):
        if alone := next(filter(arguments.value, SETTINGS), None):
            of = arguments.value("REMOTE") and f"REMOTE={name()} "
            kind = SETTINGS[alone][1].split()[0]
            raise Failure(f"{alone} is set together with the URL: make remote {of}URL={kind}://bucket/path {alone}=…")
        show([factory.asked()] if arguments.value("REMOTE") else factory.names())
        return
    found = wanted(canonical(arguments.value("URL")))
    new = factory.candidate(name(), found)
    prove(new)
    is_default, local = not arguments.value("REMOTE"), settings.config().load_one("local")
    settings.set_remote(new.name, found, is_default)
    is_hidden = local["remote"].get(new.name, {}).get("url", new.url) != new.url
    if is_hidden or (is_default and local["core"].get("remote", NAME) != NAME):
        console.remark("this clone still uses another one, set in .dvc/config.local; to use this one, remove it there")
    console.result(f"remote {new.name!r} is {found['url']}{shell.git('commit_of', '.dvc/config', 'Set the remote')}")
