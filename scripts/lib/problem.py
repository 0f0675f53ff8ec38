"""What is wrong with a model, and where: one fact, said as a sentence on a terminal and as it is in JSON."""

from dataclasses import dataclass

WHERE = {
    ("cache", "changed"): " in the cache",
    ("remote", "changed"): " on the remote",
    ("remote", "missing"): " from the remote",
}


@dataclass(frozen=True)
class Problem:
    """KIND is changed, missing or extra, or says more; PLACE is pin, disk, cache or remote; OBJECT is an id there.

    A problem without FILE is one of the whole model, one without MODEL of the remote; its DETAIL is a sentence.
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
        aside = ": ".join(filter(None, [self.object and f"object {self.object}", self.detail]))
        return f"{self.model}/{self.file}: {self.kind}{WHERE.get((self.place, self.kind), '')}{aside and f' ({aside})'}"
