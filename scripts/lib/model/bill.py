"""The bill of materials of the pinned models, in CycloneDX 1.6; the same bytes on every machine and in every run."""

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
from lib.model import fields, pin

MODEL, FILE, SHA256 = ComponentType.MACHINE_LEARNING_MODEL, ComponentType.FILE, HashAlgorithm.SHA_256
ADDRESS = re.compile(r"https?://([\w.~:/?@!$&()*+,;=-]|%[0-9A-Fa-f]{2})+(#[\w.~:/?=-]*)?", re.ASCII)
PROPERTIES = ("name", "revision", "license_link", "origin", "reason", "include", "exclude", "left_out", "allow")


def write(pins: Iterable[pin.Pin]) -> str:
    """The bill of materials of `pins`, as JSON. Raises `Failure` for a pin without sha256 digests."""
    pins = sorted(pins, key=lambda held: held.name)
    bom = Bom(components=map(_model, pins))
    bom.metadata.timestamp = None
    bom.serial_number = uuid5(NAMESPACE_URL, "".join(f"{held.name}\n{pin.dump(held)}" for held in pins))
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)


def _model(held: pin.Pin) -> Component:
    if held.files is None:
        raise Failure(f"{held.name}: pinned by plain dvc add, so without sha256; type: make track NAME={held.name}")
    ref, own = f"models/{held.name}", {"name": held.name, "version": f"{held.md5}.dir"}
    ancestors = [Component(**_from_hub(each), type=MODEL) for each in (held.base or "").split()]
    said = {key: getattr(held, key) or () for key in PROPERTIES}
    return Component(
        **(_from_hub(f"{held.source}@{held.commit}") if held.source else own),
        type=MODEL,
        bom_ref=ref,
        licenses=[_license(held)] if held.terms else [],
        pedigree=Pedigree(ancestors=ancestors) if ancestors else None,
        properties=[
            Property(name=f"model-weights:{key}", value=value)
            for key, values in said.items()
            for value in ([values] if isinstance(values, str) else values)
        ],
        components=[
            Component(name=path, type=FILE, bom_ref=f"{ref}/{path}", hashes=[HashType(alg=SHA256, content=file.sha256)])
            for path, file in held.files.items()
        ],
    )


def _from_hub(word: str) -> dict[str, object]:
    """How a component names [ORG/]NAME[@REVISION]; the purl has a version only if REVISION is a commit."""
    repo, _, revision = word.partition("@")
    group, _, name = repo.rpartition("/")
    purl = PackageUrl.deserialize(f"pkg:huggingface/{word if fields.COMMIT.fullmatch(revision) else repo}")
    return {"group": group or None, "name": name, "version": revision or None, "purl": purl}


def _license(held: pin.Pin) -> DisjunctiveLicense:
    known, link = spdx.fixup_id(held.terms), held.license_link or ""
    if link and held.source and ":" not in link:  # a model card may link to a file of its repo
        link = f"https://huggingface.co/{held.source}/blob/{held.commit}/{quote(link.removeprefix('./'))}"
    return DisjunctiveLicense(
        id=known,
        name=None if known else held.terms,
        url=XsUri(link) if ADDRESS.fullmatch(link) else None,
        acknowledgement=LicenseAcknowledgement.DECLARED,
    )
