"""Pin models from the Hub: checked bytes -> models/ -> remote -> one Git commit each."""

from shlex import quote

from lib.core import arguments, text
from lib.core.console import remark, result
from lib.core.errors import Failure
from lib.flow import adopt, record
from lib.model import names, pin, selection


def parse_request(typed: str) -> adopt.Request:
    """What to add for one word of MODEL, an address on the Hub or the path of a pin. Raises `Failure`."""
    path = names.from_path(typed)
    known = pin.read_head(path) if path != typed and path in selection.here() else None
    source, after, inner = (known.source, "", "") if known and known.source else names.from_address(typed)
    names.repo_id(source)
    if inner and not arguments.value("INCLUDE"):
        remark(f"the URL points to {inner!r}, but the whole model is added; for that alone: INCLUDE={quote(inner)}")
    before = arguments.value("REVISION")
    if after and before and after != before:
        raise Failure(f"two revisions: {after!r} in MODEL and REVISION={before!r}; give one")
    if typed.startswith(source + "@") and not after:
        raise Failure(f"no revision after the @: {typed!r} (want ORG/NAME@REVISION)")
    name = names.model_name(arguments.value("NAME") or (known.name if known else source.partition("/")[2]))
    follows, include, exclude = (known.revision, known.include, known.exclude) if known else ("main", (), ())
    revision = names.revision(after or before or follows or "main")
    include, exclude = names.patterns("INCLUDE") or include, names.patterns("EXCLUDE") or exclude
    return adopt.Request(source, revision, name, include, exclude)


def main() -> None:
    record.prepare()
    words, failed = arguments.value("MODEL").split() or [""], 0
    if len(words) > 1 and arguments.value("NAME"):
        raise Failure(f"NAME is for one model, but MODEL lists {len(words)}; leave NAME out, or add them one at a time")
    requests = [parse_request(word) for word in words]
    for request in requests:
        try:
            result(adopt.add(request, "added"))
        except Failure as failure:
            if len(words) == 1:
                raise
            remark(str(failure) if request.source in str(failure) else f"{request.source}: {failure}")
            failed += 1
    if failed:
        raise Failure(f"{failed} of {text.plural(len(words), 'model')} not added; see the lines above")
