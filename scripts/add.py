"""Pin a model of the Hub: checked bytes -> models/ -> remote -> one Git commit."""

from lib.core import arguments, command
from lib.core.console import result
from lib.core.errors import Failure
from lib.flow import adopt, record
from lib.flow.adopt import Request
from lib.model import catalog, names, pin, selection


def parse_request() -> Request:
    """The request as it was typed. Raises `Failure` for a bad one."""
    arguments.timeout()
    typed = arguments.value("MODEL")
    path = names.from_path(typed)
    known = pin.read_head(path) if path != typed and path in selection.here() else None
    source, after = (known.source, "") if known and known.source else names.from_address(typed)
    names.repo_id(source)
    before = arguments.value("REVISION")
    if after and before and after != before:
        raise Failure(f"two revisions: {after!r} in MODEL and REVISION={before!r}; give one")
    if typed.startswith(source + "@") and not after:
        raise Failure(f"no revision after the @: {typed!r} (want ORG/NAME@REVISION)")
    default = known.name if known else source.partition("/")[2]
    name = names.model_name(arguments.value("NAME") or default)
    return Request(
        source, names.revision(after or before or "main"), name, *map(names.patterns, ("INCLUDE", "EXCLUDE"))
    )


def main() -> None:
    record.prepare()
    request = parse_request()
    catalog.check()
    result(adopt.add(request, "added"))


if __name__ == "__main__":
    command.run("add", main)
