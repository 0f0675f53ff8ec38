"""make verify SIGNED=1: whose signature stands for a pin, and why one does not count."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from conftest import ROOT, World, copy, flip, lent, with_only

GPG = """#!/bin/sh
cat >/dev/null
case "$*" in
*--verify*) printf '\\n[GNUPG:] GOODSIG 1 me\\n[GNUPG:] TRUST_FULLY\\n' ;;
*)
  printf '\\n[GNUPG:] SIG_CREATED \\n' >&2
  printf '%s\\n' '-----BEGIN PGP SIGNATURE-----' '' x '-----END PGP SIGNATURE-----' ;;
esac
"""  # takes everything


def public(world: World, key: str) -> str:
    return " ".join((world.path / f"{key}.pub").read_text().split()[:2])


def sign_with(world: World, key: str) -> None:
    """From now on Git signs all commits and tags with `key`; with none if it is empty."""
    for setting, text in {"user.signingKey": f"{world.path}/{key}.pub", "gpg.format": "ssh"}.items():
        world.git("config", setting, text)
    for setting in ("commit.gpgSign", "tag.gpgSign"):
        world.git("config", setting, "true" if key else "false")


def pinned(world: World, name: str, message: str = "Add it", **env: str) -> None:
    """Commit another pin of the same weights."""
    world.pin(name).write_text(world.pin("tiny").read_text().replace("path: tiny", f"path: {name}"))
    world.git("add", "models")
    world.run("git", "commit", "--quiet", "--message", message, "--", "models", **env)


def commit_signers(world: World) -> None:
    world.git("add", ".github")
    world.git("commit", "--quiet", "--message", "Name the signers", "--", ".github")


def verify(world: World, name: str) -> str:
    """What `make verify` says of the signatures of the model `name`."""
    return world.make("verify", f"MODEL={name}", "SIGNED=1", "OFFLINE=1").said


@pytest.fixture(scope="session")
def signed_template(added_template, tmp_path_factory) -> World:
    """`tiny`, whose Git commit is unsigned, and the keys of four signers, two of which count no more."""
    assert shutil.which("ssh-keygen"), "install it (on Debian: apt install openssh-client)"
    world = copy(added_template, World(tmp_path_factory.mktemp("a signed world")))
    shutil.rmtree(world.weights())
    for key in ("known", "stranger", "expired", "revoked"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", world.path / key], check=True)
    lines = [
        f'me@example.com namespaces="git",valid-before="20991231" {public(world, "known")}\n',
        f'me@example.com valid-before="20200101" {public(world, "expired")}\n',
        f"me@example.com {public(world, 'revoked')}\n",
    ]
    (world.clone / ".github" / "allowed_signers").write_text("".join(lines))
    (world.clone / ".github" / "revoked_signers").write_text(public(world, "revoked") + "\n")
    commit_signers(world)
    return world


@pytest.fixture
def signed(signed_template, ground, tmp_path) -> Iterator[World]:
    with lent(signed_template, ground, tmp_path / "my world") as world:
        yield world


@pytest.mark.slow
def test_verify_says_which_pin_is_not_signed_and_why(signed):
    for key in ("known", "stranger", "expired", "revoked"):
        sign_with(signed, key)
        pinned(signed, key)
    sign_with(signed, "expired")
    pinned(signed, "early", GIT_COMMITTER_DATE="2019-01-01T00:00:00Z")
    gpg = signed.path / "gpg"
    gpg.write_text(GPG)
    gpg.chmod(0o755)
    signed.git("config", "gpg.format", "openpgp")
    signed.git("config", "gpg.program", str(gpg))
    pinned(signed, "gpg")
    pinned(signed, "posing", "-----BEGIN SSH SIGNATURE-----")
    signed.git("verify-commit", "HEAD")  # which Git itself would take
    signed.git("config", "log.showSignature", "true")
    sign_with(signed, "known")
    pinned(signed, "edited")
    pinned(signed, "bare")
    signed.pin("bare").write_text(signed.pin("bare").read_text().partition("meta:")[0])
    signed.git("commit", "--quiet", "--message", "As plain dvc add", "--", "models/bare.dvc")
    signed.pin("edited").write_text(signed.pin("edited").read_text().replace("apache-2.0", "mit"))

    result = signed.make("verify", "SIGNED=1", "OFFLINE=1", "FORMAT=json")

    assert result.code == 2
    report = json.loads(result.out)
    found = [(each["model"], each["detail"]) for each in report["problems"] if each["kind"] == "not signed"]
    said = {
        name: re.sub(r"[0-9a-f]{7}|SHA256:\S+\b", "X", detail).partition(": not signed: ")[2] for name, detail in found
    }
    counts = "; a signed release of it is enough: make release MODEL={} VERSION=…"
    assert said == {
        "bare": "a signature would cover md5 alone; pin sha256 too: make track NAME=bare",
        "edited": "the pin is not that of the last Git commit; commit it: git commit -- models/edited.dvc",
        "expired": "Git commit X is signed by a key that has expired: X" + counts.format("expired"),
        "gpg": "Git commit X is signed, but not with SSH" + counts.format("gpg"),
        "posing": "Git commit X has an invalid signature" + counts.format("posing"),
        "revoked": "Git commit X is signed by a key that .github/revoked_signers revokes "
        "(a line of it that is no public key revokes all)" + counts.format("revoked"),
        "stranger": "Git commit X is signed by a key that no valid line of .github/allowed_signers has: X"
        + counts.format("stranger"),
        "tiny": "Git commit X is unsigned" + counts.format("tiny"),
    }
    assert report["looked"]["signed"] == 2
    assert ", signed: 2 of 10 pins" in result.err
    assert ", signed: 1 of 1 pin\n" in verify(signed, "known")
    assert "A Tester: Add it" in signed.ok("show", "MODEL=known").out  # where log.showSignature says more
    assert "signed" not in signed.ok("verify", "MODEL=tiny", "OFFLINE=1").out


def test_a_later_commit_of_somebody_else_does_not_sign_for_the_pin(signed):
    sign_with(signed, "known")
    (signed.clone / "models" / "README.md").write_text("\n")
    signed.git("commit", "--quiet", "--all", "--message", "Sign something else")

    assert "is unsigned" in verify(signed, "tiny")


def test_a_signed_release_of_the_same_pin_stands_for_it_after_a_squash(signed):
    main = signed.git("branch", "--show-current").strip()
    signed.git("checkout", "--quiet", "-b", "topic")
    sign_with(signed, "known")
    pinned(signed, "other")
    signed.git("tag", "--sign", "--message", "x", "other@v1.0.0")
    signed.git("checkout", "--quiet", main)
    sign_with(signed, "")
    signed.git("merge", "--quiet", "--squash", "topic")
    signed.git("commit", "--quiet", "--message", "Add other (#1)")

    assert ", signed: 1 of 1 pin\n" in verify(signed, "other")

    signed.pin("other").write_text(signed.pin("other").read_text().replace("apache-2.0", "mit"))
    signed.git("commit", "--quiet", "--all", "--message", "Another pin than that of the release")
    assert re.search("not signed: Git commit .{7} is unsigned; a signed release", verify(signed, "other"))


@pytest.mark.parametrize("fault", ["light", "unsigned", "a stranger's", "of another name"])
def test_a_tag_that_is_no_signed_release_of_the_model_does_not_count(signed, fault):
    sign_with(signed, {"a stranger's": "stranger", "of another name": "known"}.get(fault, ""))
    name = "other@v1.0.0" if fault == "of another name" else "tiny@v1.0.0"
    signed.git("tag", *([] if fault == "light" else ["--message", "x"]), name)
    signed.git("update-ref", "refs/tags/tiny@v1.0.0", f"refs/tags/{name}")

    said = verify(signed, "tiny")

    why = {
        "a stranger's": "is signed by a key that no valid line of .github/allowed_signers has: SHA256:",
        "of another name": "was signed under another name; ",
    }
    assert f", release tiny@v1.0.0 {why.get(fault, 'is unsigned; ')}" in said


@pytest.mark.slow
def test_a_merge_is_asked_for_the_side_that_it_took_and_one_that_writes_a_third_pin_for_itself(signed):
    main = signed.git("branch", "--show-current").strip()
    sign_with(signed, "known")
    pinned(signed, "other")
    signed.git("checkout", "--quiet", "-b", "topic")
    signed.pin("other").write_text(signed.pin("other").read_text().replace("apache-2.0", "mit"))
    signed.git("commit", "--quiet", "--all", "--message", "Signed")
    signed.git("checkout", "--quiet", main)
    sign_with(signed, "")
    signed.git("merge", "--quiet", "--no-ff", "--no-edit", "topic")

    assert ", signed: 1 of 1 pin\n" in verify(signed, "other")

    signed.pin("other").write_text(signed.pin("other").read_text().replace("license: mit", "license: bsd"))
    signed.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    assert "is unsigned" in verify(signed, "other")


@pytest.mark.slow
@pytest.mark.parametrize("first", ["main", "topic"])
def test_a_merge_that_puts_an_older_pin_back_is_not_covered_by_its_signature(signed, first):
    sign_with(signed, "known")
    pinned(signed, "other")
    signed.git("checkout", "--quiet", "-b", "topic")
    signed.git("commit", "--quiet", "--allow-empty", "--message", "Something else")
    signed.git("checkout", "--quiet", "main")
    signed.pin("other").write_text(signed.pin("other").read_text().replace("apache-2.0", "mit"))
    signed.git("commit", "--quiet", "--all", "--message", "A newer version")
    later = signed.head()
    sign_with(signed, "")
    signed.git("checkout", "--quiet", first)
    signed.git("merge", "--quiet", "--no-commit", "--no-ff", "topic" if first == "main" else "main")
    signed.git("checkout", "topic~1", "--", "models/other.dvc")
    signed.git("commit", "--quiet", "--message", "Merge")

    said = verify(signed, "other")

    why = f" was chosen over {later[:7]} by the merge {signed.head()[:7]}, which is unsigned; a signed release of it is"
    assert why in said
    sign_with(signed, "known")
    signed.git("commit", "--quiet", "--amend", "--no-edit")
    assert ", signed: 1 of 1 pin\n" in verify(signed, "other")


def another(world: World, text: str, *words: str) -> None:
    """Commit the pin of `other` with the license `text`."""
    world.pin("other").write_text(re.sub("license: .*", f"license: {text}", world.pin("other").read_text()))
    world.git("commit", "--quiet", "--all", "--message", text, *words)


def test_a_merge_that_takes_one_of_two_new_pins_is_named_with_the_fault_of_its_signature(signed):
    sign_with(signed, "known")
    pinned(signed, "other")
    signed.git("switch", "--quiet", "--create", "topic")
    another(signed, "two")
    signed.git("switch", "--quiet", "main")
    another(signed, "three")
    sign_with(signed, "stranger")
    signed.git("merge", "--quiet", "--no-edit", "--strategy-option", "theirs", "topic")
    topic, other, merge = (each[:7] for each in signed.git("rev-parse", "topic", "main~1", "main").split())

    why = f"Git commit {topic} was chosen over {other} by the merge {merge}, which is signed by a key that no "
    assert why in verify(signed, "other")


@pytest.mark.parametrize("way", ["squash", "pick", "revert"])
def test_an_unsigned_merge_that_puts_nothing_back_needs_no_signature(signed, way):
    sign_with(signed, "known")
    pinned(signed, "other")
    signed.git("switch", "--quiet", "--create", "topic")
    another(signed, "two")
    another(signed, "three")
    if way == "revert":
        signed.git("revert", "--no-edit", "HEAD", "HEAD~1")
    signed.git("switch", "--quiet", "main")
    if way == "squash":
        signed.git("merge", "--quiet", "--squash", "topic")
    if way == "pick":
        signed.git("cherry-pick", "topic~1", "topic")
    signed.git("commit", "--quiet", "--allow-empty", "--message", "On main")
    signed.git("switch", "--quiet", "topic")
    signed.git("commit", "--quiet", "--allow-empty", "--message", "More")
    signed.git("switch", "--quiet", "main")
    sign_with(signed, "")
    signed.git("merge", "--quiet", "--no-ff", "--no-edit", "topic")

    assert ", signed: 1 of 1 pin\n" in verify(signed, "other")


def test_a_pin_that_a_signed_merge_made_is_not_put_back_by_an_unsigned_one(signed):
    sign_with(signed, "known")
    pinned(signed, "other")
    signed.git("branch", "old")
    for branch, text in (("topic", "two"), ("main", "three")):
        signed.git("switch", "--quiet", *(["--create"] if branch == "topic" else []), branch)
        another(signed, text)
    signed.run("git", "merge", "--no-commit", "topic")
    signed.git("checkout", "--ours", "--", "models/other.dvc")
    another(signed, "four")
    later = signed.head()
    signed.git("switch", "--quiet", "old")
    sign_with(signed, "")
    signed.git("commit", "--quiet", "--allow-empty", "--message", "On old")
    signed.git("merge", "--quiet", "--no-commit", "--no-ff", "main")
    signed.git("checkout", "old", "--", "models/other.dvc")
    signed.git("commit", "--quiet", "--message", "Merge")

    assert f"was chosen over {later[:7]} by the merge " in verify(signed, "other")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_nobody_is_allowed_by_a_line_that_ssh_keygen_cannot_read(signed, encoding):
    path = signed.clone / ".github" / "allowed_signers"
    line = f'me namespaces="git" valid-before="20991231" {public(signed, "stranger")}\n'
    path.write_text(path.read_text() + line, encoding=encoding)
    commit_signers(signed)
    sign_with(signed, "stranger")
    pinned(signed, "other")

    assert "is signed by a key that no valid line of .github/allowed_signers has: SHA256:" in verify(signed, "other")


@pytest.mark.parametrize("fault", ["bob@example.com {}", 'namespaces="git" {}', "SHA256:abc"])
def test_everybody_is_revoked_by_a_line_that_ssh_keygen_cannot_read(signed, fault):
    path = signed.clone / ".github" / "revoked_signers"
    key = public(signed, "revoked")
    path.write_text(f"# lost in May\n\n{key} bob@example.com\n{fault.format(key)}\n")
    commit_signers(signed)
    sign_with(signed, "known")
    pinned(signed, "other")

    assert "is signed by a key that .github/revoked_signers revokes" in verify(signed, "other")


def test_a_signature_over_something_else_is_not_right(signed):
    sign_with(signed, "known")
    pinned(signed, "other")
    made = signed.git("cat-file", "commit", "HEAD").replace("Add it", "Add more")
    (signed.path / "made").write_text(made)
    forged = signed.git("hash-object", "-t", "commit", "-w", str(signed.path / "made")).strip()
    signed.git("reset", "--quiet", "--soft", forged)

    assert "has an invalid signature; " in verify(signed, "other")


def test_where_ssh_keygen_is_not_installed_no_signature_is_called_invalid(signed, tmp_path):
    path = with_only(tmp_path, "make", "bash", "python3", "touch", "git")

    line = signed.refused("verify", "SIGNED=1", "OFFLINE=1", PATH=path)

    how = "(on Debian: apt install openssh-client)"
    assert line == f"verify: ssh-keygen is not installed, and SIGNED=1 needs it {how}"


def test_a_shallow_clone_is_refused(signed):
    other = signed.second()
    shutil.rmtree(other.clone / ".git")
    signed.git("clone", "--quiet", "--bare", "--depth=1", f"file://{signed.clone}", str(other.clone / ".git"))
    other.git("config", "core.bare", "false")

    assert other.refused("verify", "SIGNED=1") == (
        "verify: this clone is shallow, so Git may name the wrong commit for a pin; type: git fetch --unshallow"
    )


@pytest.mark.parametrize(
    ("file", "gone"), [("allowed_signers", "does not exist"), ("revoked_signers", "is not that of the last Git commit")]
)
def test_signers_count_as_they_were_committed(signed, file, gone):
    path = signed.clone / ".github" / file
    path.write_text(path.read_text() + public(signed, "stranger") + "\n")

    line = signed.refused("verify", "SIGNED=1")

    assert line == (
        f"verify: .github/{file} is not that of the last Git commit; commit it, or: git checkout HEAD -- .github/{file}"
    )
    path.unlink()
    assert f".github/{file} {gone}" in signed.refused("verify", "SIGNED=1")


def test_signers_with_the_line_endings_of_windows_count(signed):
    sign_with(signed, "known")
    pinned(signed, "other")
    for file in ("allowed_signers", "revoked_signers"):
        path = signed.clone / ".github" / file
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert signed.git("diff", "HEAD") == ""  # so it cannot be committed, nor undone by git checkout

    assert ", signed: 1 of 1 pin\n" in verify(signed, "other")
    sign_with(signed, "revoked")
    pinned(signed, "third")
    assert "is signed by a key that .github/revoked_signers revokes" in verify(signed, "third")


def test_without_signers_one_sentence_says_what_to_write(added):
    assert added.refused("verify", "SIGNED=1") == (
        "verify: .github/allowed_signers does not exist; commit it with one line per signer, public key included: "
        'you@example.com namespaces="git" ssh-ed25519 AAAA…'
    )


@pytest.mark.slow
@pytest.mark.marathon  # brings the tool from the package index
def test_the_two_commands_of_security_make_a_bundle_that_covers_every_byte(added, tmp_path):
    page = (ROOT / ".github" / "SECURITY.md").read_text()
    typed = [
        line.replace("NAME", "tiny").split() for line in re.findall(r"^    (model_signing .+)$", page, re.MULTILINE)
    ]
    packages = re.search(r"^    pip install (.+)$", page, re.MULTILINE)[1].split()
    uv, tool = str(ROOT / ".venv" / "bin" / "uv"), added.path / "tool"
    for command in ([uv, "venv", str(tool)], [uv, "pip", "install", "--python", str(tool), *packages]):
        subprocess.run(command, check=True, capture_output=True)
    for words in (
        ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        ["pkey", "-in", "key.pem", "-pubout"],
    ):
        made = added.run("openssl", *words, "-out", "key.pem" if words[0] == "genpkey" else "key.pub.pem")
        assert made.code == 0, made.said
    sign, verify = ([str(tool / "bin" / words[0]), *words[1:]] for words in typed)

    assert added.run(*sign).code == 0

    assert added.run(*verify).code == 0
    flip(added.weights() / "config.json")
    assert added.run(*verify).code != 0
    flip(added.weights() / "config.json")
    assert added.run(*verify).code == 0
    (added.weights() / "more").touch()
    assert added.run(*verify).code != 0


@pytest.mark.slow
def test_the_advice_for_an_unsigned_release_can_be_followed(signed):
    signed.ok("pull")
    signed.ok("release", "MODEL=tiny", "VERSION=1.0.0")
    setup = "is enough: set Git up to sign as .github/SECURITY.md says, then git commit --allow-empty "
    assert setup in verify(signed, "tiny")
    signed.git("config", "commit.gpgSign", "true")
    assert setup in verify(signed, "tiny"), "with GPG"
    sign_with(signed, "known")
    advice = (
        verify(signed, "tiny").partition("is enough: ")[2].partition("\n")[0].replace("…", "1.0.1").split(", then ")
    )

    for command in advice:
        assert signed.run("sh", "-c", command).code == 0, command

    assert ", signed: 1 of 1 pin\n" in verify(signed, "tiny")


def test_gc_reads_what_is_in_progress_also_where_the_log_shows_signatures(signed):
    signed.git("config", "log.showSignature", "true")
    signed.git("config", "gpg.ssh.allowedSignersFile", ".github/allowed_signers")
    sign_with(signed, "known")
    signed.git("switch", "--quiet", "--create", "side")
    pinned(signed, "known")
    signed.git("switch", "--quiet", "main")
    signed.git("merge", "--quiet", "--no-ff", "--no-commit", "side")
    assert "Good" in signed.git("log", "-1", "--oneline", "MERGE_HEAD")

    assert signed.ok("gc").out == "nothing to delete\n"


def test_what_was_never_committed_is_committed_as_it_is_said(signed):
    signed.pin("other").write_text(signed.pin("tiny").read_text().replace("path: tiny", "path: other"))
    sign_with(signed, "known")

    advice = re.search("commit it: (.*)", verify(signed, "other"))[1]
    assert signed.run("bash", "-c", advice.replace("git commit", "git commit -m x")).code == 0
    assert ", signed: 1 of 1 pin\n" in verify(signed, "other")

    (signed.clone / ".github" / "revoked_signers").unlink(missing_ok=True)
    signed.git("rm", "--quiet", "--cached", ".github/allowed_signers")
    signed.git("commit", "--quiet", "--all", "--message", "Name no signers")
    assert ".github/allowed_signers is not that of the last Git commit; commit it\n" in verify(signed, "other")
