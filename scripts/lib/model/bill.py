"""The bill of materials: models by their pins, as CycloneDX 1.6; the same bytes on every machine, in every run."""

import re
from collections.abc import Iterable
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from cyclonedx import spdx
from cyclonedx.model import HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType, Pedigree
from cyclonedx.model.license import DisjunctiveLicense, LicenseAcknowledgement
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.serialization import PackageUrl

from lib.core.errors import Failure
from lib.model import pin
from lib.model.fields import COMMIT

OURS = "model-weights:"  # before the name of each property
HUB = "https://huggingface.co"
ADDRESS = re.compile(r"https?://([\w.~:/?@!$&()*+,;=-]|%[0-9A-Fa-f]{2})+(#[\w.~:/?=-]*)?", re.ASCII)
SAID = ("name", "revision", "license_link", "origin", "reason", "include", "exclude", "left_out", "allow")


def write(pins: Iterable[pin.Pin]) -> str:
    """The bill of `pins`, as JSON. Raises `Failure` for a pin without sha256."""
    pins = sorted(pins, key=lambda held: held.name)
    bom = Bom(components=map(_model, pins))
    bom.metadata.timestamp = None
    bom.serial_number = uuid5(NAMESPACE_URL, "".join(f"{held.name}\n{pin.dump(held)}" for held in pins))
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)


def _model(held: pin.Pin) -> Component:
    if held.files is None:
        raise Failure(f"{held.name}: pinned by plain dvc add, so without sha256; type: make track NAME={held.name}")
    said = {key: getattr(held, key) for key in SAID}
    ref = f"models/{held.name}"
    return Component(
        **(_from_hub(held.source, held.commit) if held.source else {"name": held.name, "version": f"{held.md5}.dir"}),
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=ref,
        licenses=_licenses(held),
        pedigree=Pedigree(ancestors=map(_ancestor, held.base.split())) if held.base else None,
        properties=[
            Property(name=OURS + key, value=value)
            for key, values in said.items()
            for value in ((values,) if isinstance(values, str) else values or ())
        ],
        components=[
            Component(
                name=path,
                type=ComponentType.FILE,
                bom_ref=f"{ref}/{path}",
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file.sha256)],
            )
            for path, file in held.files.items()
        ],
    )


def _from_hub(repo: str, revision: str | None) -> dict[str, object]:
    """What a component that is `repo` of the Hub is called; its purl has a version only if that is a commit."""
    group, _, name = repo.partition("/")
    at = f"@{revision}" if COMMIT.fullmatch(revision or "") else ""
    return {
        "group": group,
        "name": name,
        "version": revision or None,
        "purl": PackageUrl.deserialize(f"pkg:huggingface/{repo}{at}"),
    }


def _ancestor(word: str) -> Component:
    repo, _, revision = word.partition("@")
    return Component(**_from_hub(repo, revision), type=ComponentType.MACHINE_LEARNING_MODEL)


def _licenses(held: pin.Pin) -> list[DisjunctiveLicense]:
    if not (name := held.terms):
        return []
    known, link = spdx.fixup_id(name), held.license_link or ""
    if link and held.source and held.commit and ":" not in link:  # a card may name a file of its repo
        link = f"{HUB}/{held.source}/blob/{held.commit}/{quote(link.removeprefix('./'))}"
    return [
        DisjunctiveLicense(
            id=known,
            name=None if known else name,
            url=XsUri(link) if ADDRESS.fullmatch(link) else None,
            acknowledgement=LicenseAcknowledgement.DECLARED,
        )
    ]
