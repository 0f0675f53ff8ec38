"""What is wrong with a model, and where: one fact, as a sentence for people and as fields for JSON."""

from dataclasses import dataclass

WHERE = {"cache changed": " in the cache", "remote changed": " on the remote", "remote missing": " from the remote"}


@dataclass(frozen=True)
class Finding:
    """One fact, of the whole model where it names no `file`, of the remote where it names no `model`."""

    model: str
    place: str  # pin, disk, cache, remote or what else was looked at
    kind: str  # changed, missing or extra, or says more; of an object on a remote also how it was proven
    file: str = ""
    detail: str = ""  # a sentence where there is no `file`
    object: str = ""  # its id in `place`

    def __str__(self) -> str:
        if not self.file:
            return self.detail
        more = ": ".join(filter(None, [self.object and f"object {self.object}", self.detail]))
        where = WHERE.get(f"{self.place} {self.kind}", "")
        return f"{self.model}/{self.file}: {self.kind}{where}{more and f' ({more})'}"
