"""Release a model: an annotated Git tag for a version, or for the stage that a version is in."""

from lib.core import arguments, console, lock, shell, text
from lib.core.errors import Failure
from lib.disk import staging
from lib.model import history, names, pin, releases, selection
from lib.remote import audit, factory


def check(held: pin.Pin, on_disk: bool) -> str:
    """Check the remote and, with `on_disk`, weights that are in models/; returns what was checked. Raises `Failure`."""
    items, folder = factory.objects_of(held), names.weights_dir(held.name)
    is_there = on_disk and folder.is_dir()
    wrong, found = audit.examine(factory.default(), items, folder if is_there else None)
    if findings := wrong + audit.bad(items, found):
        look = f"make verify MODEL={held.name}"
        if not on_disk:
            tag = f"{held.name}@v{releases.version(arguments.value('VERSION'))}"
            look = f"git checkout {tag} -- models/{held.name}.dvc && {look}"
        raise Failure(f"{findings[0]}; {len(findings)} in all, nothing was released ({look})")
    unread = sum(each.kind == audit.SIZE_ONLY for each in found.values())
    more = f", {unread} of {len(items)} objects by size only" if unread else ""
    return f"{'disk and remote' if is_there else 'the remote'} checked{more}"


def target(name: str) -> tuple[str, pin.Pin, bool]:
    """The Git commit to release, the pin in it, and whether that is the pin in models/. Raises `Failure`."""
    shell.git("identified")
    version = arguments.value("VERSION")
    if arguments.value("STAGE") and version:
        wanted = releases.version(version)
        if not (commit := releases.versions(name).get(wanted)):
            first = f"make it first: make release MODEL={name} VERSION={version}; or "
            raise Failure(f"no release {name}@v{wanted} here; {releases.advice(name, first)}")
        return commit, selection.at(commit, name), False
    selection.select(name)  # refuses a NAME that has releases but no pin
    held = selection.checked(name)
    staging.check_committed(held)
    return history.resolve("HEAD", name), held, True


def check_new(name: str, tag: str, commit: str) -> None:
    """Refuse a version that already exists, or a second one on the same Git commit. Raises `Failure`."""
    if tag in history.tags():
        raise Failure(f"{tag} already exists, and a release never changes; choose another VERSION")
    if others := [each for each, at in releases.versions(name).items() if at == commit]:
        said = f"{commit[:7]} is {name}@v{others[-1]} already, and GTO allows one version of a model per Git commit"
        raise Failure(f"{said}; make another commit first: git commit --allow-empty --message 'For a release'")


def make_tag(tag: str, commit: str, done: str) -> None:
    """Put `tag` on `commit`, and say that it is `done`; with DRY=1, only say what would be. Raises `Failure`."""
    if arguments.is_on("DRY"):
        console.remark(f"would make the tag {tag} on {commit[:7]}; nothing was changed (DRY=1)")
        return
    console.remark(f"tagging {commit[:7]} as {tag}")
    with lock.clone():
        shell.git("tag", tag, f"{done[0].upper()}{done[1:]}", commit)
        remote = shell.git("remote") or "origin"
    console.result(f"{done}{console.took()}: the tag {tag}; next: git push {remote} '{tag}'")


def main() -> None:
    typed, stage, version = arguments.value("MODEL"), arguments.value("STAGE"), arguments.value("VERSION")
    is_known = stage in releases.stages(typed) or (stage and version.removeprefix("v") in releases.versions(typed))
    chosen = selection.of_release(typed, is_known) if stage else selection.select(typed)
    if len(chosen) != 1:
        raise Failure(f"{text.plural(len(chosen), 'model')} named; a release takes one: MODEL=NAME")
    (name,) = chosen
    remove = arguments.is_on("REMOVE")
    if remove and (not stage or version):
        raise Failure("REMOVE=1 takes a model out of a stage; name it, and no version: STAGE=prod REMOVE=1")
    if not stage and not version:
        raise Failure(f"no VERSION and no STAGE; for example: make release MODEL={name} VERSION=1.0.0")
    tag = releases.next_tag(name, releases.stage(stage), remove) if stage else f"{name}@v{releases.version(version)}"
    if remove:
        commit, done = releases.at_stage(name, stage), f"took {name} out of {stage}"
    else:
        commit, held, is_here = target(name)
        if not stage:
            check_new(name, tag, commit)
        elif releases.stages(name).get(stage) == commit:
            console.result(f"{name} at {commit[:7]} is already in {stage}; nothing to do; if moved, {releases.FETCH}")
            return
        label = releases.version(version) if version else commit[:7]
        done = f"put {name} {label} into {stage}" if stage else f"released {name} {label}"
        done += f" ({check(held, is_here)})"
    make_tag(tag, commit, done)
