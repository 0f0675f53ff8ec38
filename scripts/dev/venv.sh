#!/usr/bin/env bash
# Build .venv from locked requirement files, each package checked against its hash; what they dropped is removed.
# Usage: venv.sh REQUIREMENTS.txt...   (make calls it; the stamps in .venv say when)
set -euo pipefail

die() {
  printf 'setup: %s\n' "$1" >&2
  exit 1
}

# install COMMAND...: run it; one sentence if the packages do not come.
install() {
  local why
  why=$("$@" 2>&1) || die "packages could not be installed (${why##*$'\n'}); is the package index in reach? then run the same command again"
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  die 'python3 is missing or older than 3.10; install Python 3.10 or newer'
[[ ! -L .venv ]] || die ".venv is a link to $(readlink .venv) and out of date; renew it there, or remove the link: rm .venv"
printf '%s\n' "setting up .venv from $*" >&2
# Where a file system has no links, as exFAT, venv fails at one to lib, unless there is something in its place.
python3 -m venv .venv 2>/dev/null || { mkdir -p .venv/lib64 && python3 -m venv --copies .venv; } ||
  die 'python3 has no module venv; install it (on Debian and Ubuntu: apt install python3-venv)'
install .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r scripts/dev/uv.txt
# The locks name every package, so nothing is left to resolve. Compiled now, since the first command would pay for it.
install .venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes --compile-bytecode scripts/dev/uv.txt "$@"
