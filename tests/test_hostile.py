"""Hostile or awkward file names in a repo or a folder: refused by name, left out, or brought as they are."""

import hashlib
import json
import os
import shutil
from collections.abc import Collection
from functools import partial
from pathlib import Path

import pytest
from conftest import FILES, MODEL, PINNED, PLAN, ROOT, World, track
from hub import Answer, Fault, Reply

from lib.core import digest
from lib.core.errors import Failure
from lib.model import inventory
from lib.model.inventory import Item
from lib.model.pin import Pin
from lib.remote import audit
from lib.remote.base import ObjectInfo
from lib.transfer.retry import asked_to_wait

pytestmark = pytest.mark.slow

SOURCE = "acme/odd"
GOOD = {"config.json": b"{}\n", "model.safetensors": bytes(range(256)) * 8}
ESC, LONG, DEEP = "\x1b[2J", "x" * 300, "/".join("d" * 60)

ESCAPES = ["../x", "a/../../x", "/abs", "..", "a//b", "a\\b"]
STEERS_DVC = ["x.dvc", "sub/x.dvc", "dvc.yaml", "sub/dvc.lock"]
UNPRINTABLE = ["a\nb", f"a{ESC}b", "a\u202eb"]
REFUSED = {
    **dict.fromkeys(ESCAPES, "leaves its folder"),
    **dict.fromkeys([*UNPRINTABLE, "a\0b"], "holds a control character"),
    "a\ud800b": "is not UTF-8",
    "cafe\u0301.txt": "is not in Unicode's normal form C",
    LONG: "is too long",
    f"a/{'é' * 128}": "is too long",
    **dict.fromkeys(STEERS_DVC, "is a control file of DVC"),
}

LEFT_OUT = [
    ".git/config",
    "sub/.git/hooks/pre-commit",
    ".GIT/config",
    ".gitignore",
    ".gitattributes",
    ".gitmodules",
    ".dvc/config",
    "sub/.dvc/config",
    ".dvcignore",
    ".hg/hgrc",
    ".cache/huggingface/x",
]

AWKWARD = [
    "two words.txt",
    " leading and trailing ",
    "it's",
    'a "quoted" one',
    "$(touch pwned)",
    "`touch pwned`",
    "a;touch pwned",
    "a|touch pwned",
    "a&touch pwned&",
    "> pwned",
    "-rf",
    "--help",
    "-",
    "100%",
    "%s%d",
    "%2e%2e%2fx",
    "a#b",
    "#",
    "a?b",
    "*",
    "[a-z]*",
    "{a,b}",
    "~",
    "~root",
    "!history",
    "a: b",
    "? x",
    "- y",
    "null",
    "1e3",
    "yes",
    "0x1f",
    "1:30",
    "2026-01-01",
    "<<",
    "=",
    "!!python/object:x",
    "&anchor",
    "@at",
    "café.txt",
    "日本語/모델.bin",
    "🤗.bin",
    "x" * 200,
    f"{DEEP}/bottom.txt",
    "...",
    ".hidden",
    "dvc.yaml.txt",
    "x.dvc.txt",
]
CONTENT = {path: f"{number} $(touch pwned)\n".encode() for number, path in enumerate(AWKWARD)}
CONTENT |= {"empty": b"", "empty too": b"", "same": b"same", "sub/same": b"same"}


WAYS = {  # of make track: the folder to fill, and what to type besides NAME=odd
    "in place": lambda world: (world.weights("odd"), []),
    "DIR": lambda world: (world.path / "lent", [f"DIR={world.path / 'lent'}"]),
}


def refused(flaw: str, path: str) -> str:
    return f"refused a file whose name {flaw}: {path!r}; "


def twice(answer: Answer, path: str) -> None:
    """List the file at `path` twice."""
    entries = json.loads(answer.look_up().source)
    answer.reply = answer.as_json(entries + [entry for entry in entries if entry["path"] == path])


def all_paths(world: World) -> set[str]:
    """Every file, link and folder of `world`, except what DVC, Python and this project keep for themselves."""
    found = set()
    for top, folders, files in os.walk(os.fsencode(world.path)):
        folders[:] = [name for name in folders if name not in (b"tmp", b"__pycache__")]
        found |= {os.path.join(top, name) for name in folders + files}
    return found


def fill(folder: Path, tree: dict[str, bytes]) -> None:
    for path, data in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def fetched(hub) -> list[str]:
    return [request.path for request in hub.requests if "/resolve/" in request.path]


def refused_adds(world: World, models: Collection[str]) -> dict[str, str]:
    """What one `make add` of `models` says of each that it refuses."""
    *lines, last = world.refused("add", f"MODEL={' '.join(models)}").splitlines()
    assert all(map(str.isprintable, lines)), lines
    assert last == f"add: {len(lines)} of {len(models)} models not added; see the lines above"
    return dict(line.removeprefix("add: ").split(": ", 1) for line in lines)


def test_add_refuses_a_hostile_name_before_anything_is_fetched(refusing, hub):
    models = {f"acme/odd-{number}": path for number, path in enumerate(REFUSED)}
    for model, path in models.items():
        hub.commit(model, GOOD | {path: b"hostile"})
    before, paths = refusing.state(), all_paths(refusing)

    said = refused_adds(refusing, models)

    want = {path: f"{refused(flaw, path)}leave it out with EXCLUDE" for path, flaw in REFUSED.items()}
    assert {path: said.get(model) for model, path in models.items()} == want
    assert fetched(hub) == []
    assert (refusing.state(), all_paths(refusing)) == (before, paths)


def test_add_refuses_two_names_that_differ_only_in_case(refusing, hub):
    models = {"acme/file": ("README.md", "readme.md"), "acme/folder": ("Sub/a", "sub/b"), "acme/accent": ("É", "é")}
    for model, pair in models.items():
        hub.commit(model, GOOD | dict.fromkeys(pair, b"x"))
    before = refusing.state()

    said = refused_adds(refusing, models)

    for model, pair in models.items():
        one, other = sorted(path.partition("/")[0] for path in pair)
        want = f"refused two names that differ only in case: {one!r} and {other!r}; leave it out with EXCLUDE"
        assert said.get(model) == want, model
    assert fetched(hub) == []
    assert refusing.state() == before


def test_add_refuses_a_file_that_is_also_a_folder(refusing, hub):
    hub.commit(SOURCE, GOOD | {"a": b"file", "a/b": b"in a folder"})
    before = refusing.state()

    line = refusing.refused("add", f"MODEL={SOURCE}")

    assert line.startswith("add: refused ")
    assert "'a'" in line
    assert "\n" not in line
    assert fetched(hub) == []
    assert refusing.state() == before


def test_add_brings_the_rest_when_exclude_names_the_hostile_ones(online, hub):
    hub.commit(SOURCE, GOOD | dict.fromkeys(REFUSED, b"hostile"))
    paths = ["..*", "a*", "/*", "cafe*", "x*", "*.dvc", "dvc.*", "sub/*"]

    online.ok("add", f"MODEL={SOURCE}", f"EXCLUDE={' '.join(paths)}")

    assert online.on_disk("odd") == GOOD
    assert len(fetched(hub)) == len(GOOD)


def test_add_leaves_out_the_control_files_of_git_dvc_and_the_hub_client(online, hub):
    hub.commit(SOURCE, GOOD | {path: b"[core]\n\tfsmonitor = touch pwned\n" for path in LEFT_OUT})
    config = [(online.clone / path).read_bytes() for path in (".git/config", ".dvc/config", ".dvcignore")]

    result = online.ok("add", f"MODEL={SOURCE}")

    assert result.out == "added odd: 2 files, 2.1 kB; next: git push\n"
    assert all(map(PLAN.match, result.err.splitlines()))
    assert online.on_disk("odd") == GOOD
    assert len(fetched(hub)) == len(GOOD)
    assert [(online.clone / path).read_bytes() for path in (".git/config", ".dvc/config", ".dvcignore")] == config
    assert "verified 1 pin, 2 of 2 files on disk" in online.ok("verify", "DEEP=1").out


def assert_travels(world: World, name: str, tree: dict[str, bytes]) -> None:
    """The model `name` holds `tree`, another clone pulls the same, and no file name in it was run."""
    other = world.second()
    other.ok("pull")

    assert world.on_disk(name) == tree
    assert other.on_disk(name) == tree
    for place in (world, other):
        assert f"verified 1 pin, {len(tree)} of {len(tree)} files on disk" in place.ok("verify", "DEEP=1").out
        assert place.git("status", "--porcelain") == ""
    assert [path for path in all_paths(world) if os.path.basename(path) == b"pwned"] == []


def test_add_brings_awkward_names_through_the_remote_to_another_clone(online, hub):
    hub.commit(SOURCE, CONTENT)

    online.ok("add", f"MODEL={SOURCE}")

    assert_travels(online, "odd", CONTENT)


@pytest.mark.parametrize("way", WAYS)
def test_track_brings_awkward_names_through_the_remote_to_another_clone(world, way):
    folder, words = WAYS[way](world)
    fill(folder, CONTENT)

    world.ok("track", "NAME=odd", *words)

    assert_travels(world, "odd", CONTENT)


@pytest.mark.parametrize(
    ("path", "flaw"),
    [
        ("a\\b", "leaves its folder"),
        ("a\nb", "holds a control character"),
        (f"a{ESC}b", "holds a control character"),
        ("a\udcffb", "is not UTF-8"),
        ("cafe\u0301.txt", "is not in Unicode's normal form C"),
        ("sub/x.dvc", "is a control file of DVC"),
        ("dvc.yaml", "is a control file of DVC"),
        ("sub/dvc.lock", "is a control file of DVC"),
    ],
    ids=ascii,
)
def test_track_refuses_a_hostile_name(world, path, flaw):
    folder, words = WAYS["in place" if path.startswith("a") else "DIR"](world)
    fill(folder, GOOD | {path: b"hostile"})
    before, paths = world.state(), all_paths(world)

    line = world.refused("track", "NAME=odd", *words)

    assert line == f"track: {refused(flaw, path)}give it another name, or move it away"
    assert line.isprintable()
    assert (world.state(), all_paths(world)) == (before, paths)


@pytest.mark.parametrize("way", WAYS)
def test_track_refuses_two_names_that_differ_only_in_case(world, way):
    folder, words = WAYS[way](world)
    fill(folder, {"A.txt": b"one", "a.txt": b"two"})
    if len(os.listdir(folder)) == 1:
        pytest.skip("this file system cannot hold both")
    before = world.state()

    line = world.refused("track", "NAME=odd", *words)

    assert line.startswith("track: refused two names that differ only in case: 'A.txt' and 'a.txt'; ")
    assert world.state() == before


@pytest.mark.parametrize("path", [".git/config", "sub/.git", ".dvc/config", ".dvcignore", ".gitignore", ".cache/x"])
def test_track_refuses_a_control_file_until_it_is_moved_away(world, path):
    folder, words = WAYS["in place"](world)
    fill(folder, GOOD | {path: b"[core]\n"})
    before = world.state()

    line = world.refused("track", "NAME=odd", *words)

    assert line == (
        f"track: refused a control file of Git, DVC or the Hub client: {str(folder / path)!r}; move it away"
    )
    assert world.state() == before


@pytest.mark.parametrize(("way", "content"), [("DIR", b""), ("DIR", b"hostile"), ("in place", b"outs: [{path: /etc}]")])
def test_track_refuses_what_looks_like_a_pin(world, way, content):
    folder, words = WAYS[way](world)
    fill(folder, GOOD | {"x.dvc": content})
    before = world.state()

    line = world.refused("track", "NAME=odd", *words)

    assert line.startswith("track: ")
    assert "x.dvc" in line
    assert "\n" not in line
    assert world.state() == before


def test_track_works_once_the_refused_files_were_moved_away(world):
    folder = world.weights("odd")
    fill(folder, GOOD | {"x.dvc": b"hostile", ".dvc/config": b"hostile"})
    world.refused("track", "NAME=odd")
    (folder / "x.dvc").unlink()
    shutil.rmtree(folder / ".dvc")

    world.ok("track", "NAME=odd")

    assert world.on_disk("odd") == GOOD
    assert "verified 1 pin, 2 of 2 files on disk" in world.ok("verify").out


@pytest.mark.marathon
@pytest.mark.slow
def test_add_brings_more_files_than_a_page_of_the_hub_lists(online, hub):
    tree = {f"part-{number % 50:02}/{number:04}.json": b"%d\n" % number for number in range(1500)}
    hub.commit(SOURCE, tree)

    online.ok("add", f"MODEL={SOURCE}")

    assert online.on_disk("odd") == tree
    assert "verified 1 pin, 1500 of 1500 files on disk" in online.ok("verify").out


def test_add_refuses_a_license_that_is_no_line_of_text(refusing, hub):
    licenses = {
        "acme/escape": "a\x1b[31mb",
        "acme/line-break": "mit\n<!-- end of catalog -->",
        "acme/delete": "\x7f",
        "acme/c1": "\x9b31m",
        "acme/long": "x" * 1001,
    }
    for model, text in licenses.items():
        hub.commit(model, {"config.json": b"{}"}, license=text)
    before = refusing.state()

    said = refused_adds(refusing, licenses)

    for model in licenses:
        assert said.get(model, "").startswith("the license on the Hub is not a single line of text: '"), model
    assert refusing.state() == before


FALSE = [
    ("revision", {"sha": "x; touch pwned"}),
    ("revision", {"id": "acme/tiny\x1b[31m"}),
    ("tree", {"oid": "0" * 39}),
    ("tree", {"size": -1}),
    ("tree", {"lfs": {"oid": "z" * 64, "size": 1, "pointerSize": 1}}),
]


def test_add_refuses_what_no_hub_says(refusing, hub):
    def lie(told: Answer, false: dict) -> None:
        data = json.loads(told.look_up().source)
        changed = data | false if isinstance(data, dict) else [each | false for each in data]
        told.reply = told.as_json(changed)

    models = [f"acme/{answer}-{next(iter(false))}" for answer, false in FALSE]
    for model, (answer, false) in zip(models, FALSE, strict=True):
        hub.commit(model, FILES)
        hub.faults.append(Fault(f"{model}/{answer}/", partial(lie, false=false), times=None))
    before = refusing.state()

    said = refused_adds(refusing, models)

    for model in models:
        assert said.get(model, "").startswith(("the server at ", "not a model: ")), model
    assert refusing.state() == before


@pytest.mark.parametrize("path", PINNED)
def test_add_refuses_a_list_that_names_a_file_twice(online, hub, path):
    hub.faults.append(Fault("/tree/", lambda answer: twice(answer, path)))

    line = online.refused("add", f"MODEL={MODEL}")

    assert line == f"add: {MODEL}: the Hub's list names a file twice; run the same command again"
    online.ok("add", f"MODEL={MODEL}")


def test_an_answer_that_is_nested_without_end_is_no_hubs(refusing, hub):
    body = b"[" * 200_000
    hub.faults.append(Fault("/revision/", lambda answer: setattr(answer, "reply", Reply(200, {}, body, 0, len(body)))))

    assert f"the server at {hub.url} is not a Hub" in refusing.refused("add", f"MODEL={MODEL}")


def test_a_number_in_another_script_is_none():
    said = ObjectInfo(1, 0, etag="0-\u00b2")
    item = Item("0" * 32, digest.File(1, "0" * 32), "tiny", "a.bin")

    assert asked_to_wait({"Retry-After": "\u00b2"}) == 0
    assert audit._by_info(said, item, Path(__file__)).kind == audit.SIZE_ONLY


def test_a_link_in_a_folder_remote_leads_no_command_to_another_file(added):
    oid, path = next(iter(added.objects().items()))
    mine = added.path / "mine"
    mine.write_text("precious")
    path.unlink()
    path.with_name(f".{oid}.tmp").symlink_to(mine)
    (added.remote / "..model-weights.tmp").symlink_to(mine)

    assert "Too many levels of symbolic links" in added.refused("push")
    (added.remote / ".model-weights").unlink()
    assert "Too many levels of symbolic links" in added.refused("remote", f"URL={added.remote}")
    assert mine.read_text() == "precious"


def test_a_link_in_a_folder_remote_that_leads_nowhere_stops_no_command(added):
    path = added.remote / "files" / "md5" / "ab" / ("c" * 30)
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(added.path / "nowhere")

    assert added.ok("gc", "REMOTE=1").out == "nothing to delete\n"


def test_a_pin_whose_license_steers_a_terminal_is_refused(added):
    text = added.pin().read_text().replace("license: apache-2.0", 'license: "\\e[31mred"')
    added.pin().write_text(text)

    result = added.make("list")

    assert result.code == 2
    assert "\x1b" not in result.said
    assert "models/tiny.dvc is not a pin (meta: not a line of text)" in result.err


def test_add_refuses_a_pointer_of_git_lfs_until_it_is_told_to_take_it(online, hub):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 8000000000\n" % (b"a" * 64)
    hub.commit("acme/pointers", {"config.json": b"{}", "weights.dat": pointer})

    line = online.refused("add", "MODEL=acme/pointers")

    assert line.startswith("add: acme/pointers/weights.dat is a Git LFS pointer, not weights; leave it out with ")
    assert line.endswith(", or take it as it is: POINTERS=1")
    online.ok("add", "MODEL=acme/pointers", "EXCLUDE=weights.dat")
    online.ok("add", "MODEL=acme/pointers", "POINTERS=1")
    assert online.on_disk("pointers")["weights.dat"] == pointer


def commit_pin(world: World, path: str, **more: str) -> None:
    """Commit the pin of tiny at `path` too, as somebody might in a pull request."""
    text = world.pin().read_text().replace("path: tiny", f"path: {json.dumps(Path(path).name.removesuffix('.dvc'))}")
    (world.clone / path).parent.mkdir(parents=True, exist_ok=True)
    (world.clone / path).write_text(text)
    world.git("add", "--force", "--all")
    world.git("commit", "--quiet", "--message", "Another pin")


def test_a_pin_of_a_name_that_no_model_may_have_is_named_and_no_model(added):
    names = ["grp/.", "grp/..", "policy.yaml", "README.md", "-x", "my model", "x.dvc", f"a{ESC}b", "a\n::warning::b"]
    shutil.rmtree(added.weights())
    for name in names:
        commit_pin(added, f"models/{name}.dvc")
    policy = (added.clone / "models" / "policy.yaml").read_bytes()

    pulled = added.ok("pull")
    result = added.make("verify", GITHUB_ACTIONS="true")

    assert pulled.out.splitlines()[-1].startswith("1 model good: 3 files")
    assert (added.clone / "models" / "policy.yaml").read_bytes() == policy
    assert result.code == 2
    advice = "is a pin whose name is not valid for a model; rename it, or remove it with git rm"
    for name in names:
        assert f"{f'models/{name}.dvc'!r} {advice}\n" in result.out
    assert not any(line.startswith("::warning") or ESC in line for line in result.said.splitlines())


def test_a_group_that_is_a_link_holds_no_models(added):
    top, workflow = added.clone / "models" / "g", added.clone / ".github" / "workflows" / "ci.yml"
    top.symlink_to("../.github")
    commit_pin(added, ".github/workflows.dvc")
    before = workflow.read_bytes()

    pulled = added.ok("pull")

    assert "1 model good: 3 files" in pulled.out
    assert workflow.read_bytes() == before
    assert "models/g is a link, so it cannot contain 'g/x'" in added.refused("track", "NAME=g/x")
    top = added.clone / "models" / "h"
    track(added, "h/a")
    top.rename(added.path / "elsewhere")
    top.symlink_to(added.path / "elsewhere")
    for verb in ("verify", "pull", "remove", "free"):
        assert "models/h is a link, so it cannot contain 'h/a'" in added.make(verb, "MODEL=h/a").said
    assert (added.path / "elsewhere" / "a" / "a.bin").exists()


def test_names_on_disk_do_not_steer_the_terminal_or_break_the_report(added):
    (added.weights() / f"a{ESC}b\nverified 9 pins").write_text("x")
    (added.weights() / os.fsdecode(b"co\xffnf")).write_text("x")

    summary = added.path / "summary"

    result = added.make("verify", "REPORT=r.json", GITHUB_STEP_SUMMARY=str(summary))

    assert result.code == 2
    assert "verify: tiny/a?[2Jb?verified 9 pins: extra\n" in result.out
    assert "- tiny/a?[2Jb?verified 9 pins: extra\n" in summary.read_text()
    assert added.refused("remove", "MODEL=tiny").startswith(
        "remove: models/tiny/a?[2Jb?verified 9 pins exists nowhere "
    )
    assert {each["file"] for each in json.loads((added.clone / "r.json").read_text())["problems"]} >= {
        f"a{ESC}b\nverified 9 pins"
    }


def test_an_unusual_end_of_a_line_in_git_stops_no_command(added):
    added.git("commit", "--quiet", "--amend", "--message", "one\u2028two")
    added.git("tag", "x\u2028y")
    page = added.clone / "models" / "README.md"
    page.write_text(page.read_text().replace("| - |  |", "| - | note\u2028goes on |").replace(" |  |", " | a\u2028b |"))

    added.ok("list")
    assert "one?two" in added.ok("show", "MODEL=tiny").out
    added.ok("gc")
    added.ok("catalog")
    assert "a\u2028b" in page.read_text()


def test_a_license_makes_no_link_in_the_catalog(online, hub):
    hub.commit(MODEL, GOOD, license="[MIT](https://evil.example) ![x](https://evil.example/x.png)")

    online.ok("add", f"MODEL={MODEL}")

    assert "\\[MIT](https://evil.example) !\\[x](" in (online.clone / "models" / "README.md").read_text()


@pytest.mark.parametrize("name", ["日本\u3000語", "می\u200cخواهم", "👩\u200d💻", "a\u00a0b"], ids=ascii)
def test_a_command_that_is_printed_can_be_typed_whatever_the_script_of_a_path(world, name):
    folder = world.path / name
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"\x80\x04")
    shutil.copy(ROOT / "models" / "policy.yaml", world.clone / "models")
    said = world.refused("track", "NAME=mine", f"DIR={folder}")

    assert world.run("sh", "-c", said.partition("make an exception: ")[2].replace("…", "x")).code == 0


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (b"?", "no files, so it is not one of DVC's"),
        (b"[7]", "no files, so it is not one of DVC's"),
        (b'[{"md5": 7, "relpath": "a"}]', "no files, so it is not one of DVC's"),
        (b'[{"md5": "../../../mine", "relpath": "a"}]', "an object by no md5"),
        (b'[{"md5": "%032d", "relpath": "a/.GIT/config"}]' % 0, "a file of Git, DVC or Mercurial: 'a/.GIT/config'"),
    ],
)
def test_a_listing_of_plain_dvc_names_objects_alone(added, said, fault):
    mine, oid = added.clone / "mine", hashlib.md5(said).hexdigest()
    mine.touch()
    place = added.remote / "files" / "md5" / oid[:2] / f"{oid[2:]}.dir"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(said)
    added.pin("evil").write_text(f"outs:\n- md5: {oid}.dir\n  size: 1\n  nfiles: 1\n  hash: md5\n  path: evil\n")

    result = added.make("pull", "MODEL=evil")

    assert result.code == 2
    assert f"the listing {oid}.dir names {fault}; none of its files was looked at" in result.out
    assert mine.exists()


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (b"[" * 100_000, "no files"),
        (b'[{"md5": "%032d", "relpath": "../mine"}]' % 0, "a file whose name leaves its folder"),
    ],
)
def test_a_listing_of_plain_dvc_names_no_file_elsewhere_and_ends(said, fault):
    with pytest.raises(Failure, match=f"names {fault}"):
        inventory.of_pin(Pin("evil", digest.of_bytes(said).md5, 1, 1), said)
