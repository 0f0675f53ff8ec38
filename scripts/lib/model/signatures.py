"""Whether a pin is signed: its last Git commit or a release of it, by a key in .github/allowed_signers.

Only SSH signatures count; keys are judged as of the time of the commit or tag. By a line of ALLOWED that ssh-keygen
cannot parse nobody is allowed, and by one of REVOKED everybody is revoked. GPG signatures do not count, since the
keys that GPG trusts differ from machine to machine.
"""

import re
import shutil
from functools import lru_cache

from lib.core.errors import Failure
from lib.core.paths import ROOT
from lib.model import advice, history, pin, releases

ALLOWED, REVOKED = ".github/allowed_signers", ".github/revoked_signers"
SSH_ONLY = {"gpg.ssh.program": "ssh-keygen", "gpg.program": "false", "gpg.x509.program": "false"}


def check_ready() -> None:
    """Raise `Failure` if signatures cannot be checked here."""
    if not shutil.which("ssh-keygen"):
        raise Failure("ssh-keygen is not installed, and SIGNED=1 needs it (on Debian: apt install openssh-client)")
    if history.is_shallow():
        raise Failure("this clone is shallow, so Git may name the wrong commit for a pin; type: git fetch --unshallow")
    if not (ROOT / ALLOWED).is_file():
        line = 'you@example.com namespaces="git" ssh-ed25519 AAAA…'
        raise Failure(f"{ALLOWED} does not exist; commit it with one line per signer, public key included: {line}")
    for path in (ALLOWED, REVOKED):
        here = (ROOT / path).read_bytes().decode(errors="surrogateescape") if (ROOT / path).exists() else None
        held, here = (text and text.replace("\r\n", "\n") for text in (history.text("HEAD", path), here))
        if held != here:
            undo = "" if held is None else f", or: git checkout HEAD -- {path}"
            raise Failure(f"{path} is not that of the last Git commit; commit it{undo}")


def missing(held: pin.Pin) -> str | None:
    """Why no signature covers `held`; None if one does."""
    name, path = held.name, f"models/{held.name}.dvc"
    if held.files is None:
        return f"a signature would cover md5 alone; pin sha256 too: make track NAME={name}"
    if not history.holds(name):
        return f"the pin is not that of the last Git commit; commit it: {advice.commit(name)}"
    (commit,) = history.lines("rev-list", "-1", "HEAD", "--", path)  # if a merge took one side's pin: that side's
    versions = releases.versions(name)
    here, *there = history.object_ids(f"{at}:{path}" for at in ("HEAD", *versions.values()))
    faults = {f"Git commit {commit[:7]}": _put_back(path, commit) or _fault("commit", commit)}
    for version, blob in zip(versions, there, strict=True):
        if blob == here:
            faults[f"release {name}@v{version}"] = _fault("tag", f"{name}@v{version}")
    if None in faults.values():
        return None
    said = ", ".join(f"{what} {why}" for what, why in faults.items())
    first = "git commit --allow-empty --message 'For a release', then " if history.head() in versions.values() else ""
    setup = "" if _signs() else "set Git up to sign as .github/SECURITY.md says, then "
    return f"{said}; a signed release of it is enough: {setup}{first}make release MODEL={name} VERSION=…"


@lru_cache(maxsize=1)
def _signs() -> bool:
    """Whether `make release` would sign with SSH here."""
    wanted = (history.tried("config", "--type=bool", f"{what}.gpgSign")[1].strip() for what in ("commit", "tag"))
    return "true" in wanted and history.tried("config", "gpg.format")[1].strip() == "ssh"


def _put_back(path: str, commit: str) -> str | None:
    """How a merge that is not signed took the pin of `commit` at `path`, over another; None if none did."""
    merges = [line.split() for line in history.lines("rev-list", "--merges", "--parents", f"{commit}..HEAD")]
    commits = ["HEAD", *dict.fromkeys(each for merge in merges for each in merge)]
    blobs = dict(zip(commits, history.object_ids(f"{each}:{path}" for each in commits), strict=True))
    for merge, *sides in merges:
        for side in sides:
            if blobs[merge] == blobs["HEAD"] != blobs[side]:
                later = history.lines("rev-list", "-1", side, f"^{commit}", "--", path)
                if later and (fault := _fault("commit", merge)):
                    return f"was chosen over {later[0][:7]} by the merge {merge[:7]}, which {fault}"
    return None


def _fault(kind: str, name: str) -> str | None:
    """Why the signature of a Git commit or tag does not count; None if it does."""
    ref = name if kind == "commit" else f"refs/tags/{name}"
    raw = history.tried("cat-file", kind, ref)[1]
    if "-----BEGIN SSH SIGNATURE-----" not in raw:
        return "is signed, but not with SSH" if "-----BEGIN PGP " in raw else "is unsigned"
    if kind == "tag" and f"tag {name}" not in raw.partition("\n\n")[0].splitlines():
        return "was signed under another name"
    is_good, said = _verify(kind, ref, str(ROOT / REVOKED))
    if is_good:
        return None
    if key := re.search(r"SHA256:\S+", said):
        late = re.search(r"key (has expired|is not yet valid)", said)
        return f"is signed by a key that {late[1] if late else f'no valid line of {ALLOWED} has'}: {key[0]}"
    is_revoked = _verify(kind, ref, "")[0]
    if is_revoked:
        return f"is signed by a key that {REVOKED} revokes (a line of it that is no public key revokes all)"
    return "has an invalid signature"


def _verify(kind: str, ref: str, revoked: str) -> tuple[bool, str]:
    settings = SSH_ONLY | {"gpg.ssh.allowedSignersFile": str(ROOT / ALLOWED), "gpg.ssh.revocationFile": revoked}
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    return history.tried(*options, f"verify-{kind}", "--raw", ref)
