#!/usr/bin/env bash
# Build .venv from locked requirement files, checking the hash of each package; packages no longer in them are removed.
# Usage: venv.sh REQUIREMENTS.txt...   (make runs it if one of them is newer than its stamp in .venv)
set -euo pipefail

die() {
  printf 'setup: %s\n' "$1" >&2
  exit 1
}

# install COMMAND...: run it; if it fails, exit with one sentence.
install() {
  local why
  why=$("$@" 2>&1) || die "packages could not be installed (${why##*$'\n'}); is the package index in reach? then run the same command again"
}

# as_pip VARIABLE KEY: for uv, which does not read pip's settings, set VARIABLE, if it is not set, to that of pip.
as_pip() {
  local set
  set=$(.venv/bin/python -m pip config list 2>/dev/null | sed -nE "s/^(:env:|global|install)\.$2='(.*)'\$/\2/p")
  [[ ! $set || ${!1-} ]] || export "$1=${set%%$'\n'*}"
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  die 'python3 is missing or older than 3.10; install Python 3.10 or newer'
[[ ! -L .venv ]] || die ".venv is a link to $(readlink .venv) and out of date; renew it there, or remove the link: rm .venv"
[[ -e .venv/bin/python ]] || rm -rf .venv 2>/dev/null ||
  die 'the Python that .venv leads to is not there for you, and you cannot remove .venv; ask its owner to type: make clean'
printf '%s\n' "setting up .venv from $*" >&2
# On a file system without links, such as exFAT, venv cannot link lib64 to lib, but accepts a lib64 that exists.
python3 -m venv .venv 2>/dev/null || { mkdir -p .venv/lib64 && python3 -m venv --copies .venv; } ||
  die 'python3 has no module venv; install it (on Debian and Ubuntu: apt install python3-venv)'
printf 'relocatable = true\n' >>.venv/pyvenv.cfg # for uv: the programs in .venv work also where the clone is moved
install .venv/bin/python -m pip install --no-user --quiet --disable-pip-version-check --require-hashes -r scripts/dev/uv.txt
as_pip UV_DEFAULT_INDEX index-url
as_pip SSL_CERT_FILE cert
# uv must have a cache, and a user in a container may have no home to keep it in.
cache=$(.venv/bin/uv cache dir 2>/dev/null) && mkdir -p "$cache" 2>/dev/null && [[ -w $cache ]] ||
  export UV_CACHE_DIR=$PWD/.venv/cache
# The files list every package, so nothing is left to resolve. Bytecode is compiled now, not by the first command.
install .venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes --compile-bytecode scripts/dev/uv.txt "$@"
