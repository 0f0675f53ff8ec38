"""What a store says of an object proves no more than it does."""

import subprocess
import sys

import pytest

from lib.core.digest import File
from lib.model.inventory import Item
from lib.remote import audit
from lib.remote.base import ObjectInfo, Remote

MD5 = "0123456789abcdef0123456789abcdef"


class Store:
    """A store that has one object of 5 bytes, of which it publishes no hash."""

    infos = staticmethod(lambda oids, closely=False: {MD5: ObjectInfo(5, 0)} if not closely else {})


def test_an_object_of_another_size_is_no_copy():
    assert Remote.holds(Store, {MD5: 5}) == {MD5}
    assert Remote.holds(Store, {MD5: 6}) == set()


def test_what_is_known_to_be_lost_is_not_asked_for_again(monkeypatch):
    asked = []
    monkeypatch.setattr(Store, "read", lambda oid, *_: asked.append(oid), raising=False)
    lost = MD5[::-1]

    found = audit.assess(Store, [Item(oid, File(5, oid), "tiny", oid) for oid in (MD5, lost)], True)

    assert {oid: each.kind for oid, each in found.items()} == {MD5: "read", lost: "missing"}
    assert asked == [MD5]


@pytest.mark.parametrize("parts", ["2", "x", "٣", "", "9" * 5000])
def test_a_hash_of_a_form_that_nobody_knows_proves_nothing(tmp_path, parts):
    (tmp_path / "file").write_bytes(b"12345")
    item = Item(MD5, File(5, MD5), "tiny", "file")

    infos = {MD5: ObjectInfo(5, 0, None, f"{MD5}-{parts}")}
    found = audit.assess(Store, [item], False, {MD5: tmp_path / "file"}, infos)

    assert found[MD5].kind == audit.SIZE_ONLY


def test_many_cores_do_not_mean_many_buffers():
    """A container sees the cores of its whole machine, but may use little of its memory."""
    program = "import os; os.cpu_count = lambda: 96; from lib.remote import audit; print(audit.READERS)"
    said = subprocess.check_output([sys.executable, "-c", program], env={"PYTHONPATH": "scripts"})
    assert said == b"16\n"
