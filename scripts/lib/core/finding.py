"""What is wrong with a model, and where: one fact, as a sentence for people and as fields for JSON."""

from dataclasses import dataclass

WHERE = {
    ("cache", "changed"): " in the cache",
    ("remote", "changed"): " on the remote",
    ("remote", "missing"): " from the remote",
}


@dataclass(frozen=True)
class Finding:
    """`kind` is changed, missing or extra, or says more; `place` is pin, disk, cache or remote; `object` an id there.

    A finding without `file` concerns the whole model, one without `model` the remote; its `detail` is a sentence.
    """

    model: str
    place: str
    kind: str
    file: str = ""
    detail: str = ""
    object: str = ""

    def __str__(self) -> str:
        if not self.file:
            return self.detail
        more = ": ".join(filter(None, [self.object and f"object {self.object}", self.detail]))
        return f"{self.model}/{self.file}: {self.kind}{WHERE.get((self.place, self.kind), '')}{more and f' ({more})'}"
