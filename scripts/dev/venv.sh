#!/usr/bin/env bash
# Build .venv from locked requirement files, each package checked against its hash.
# Usage: venv.sh REQUIREMENTS.txt   (make calls it; the stamps in .venv say when)
set -euo pipefail

python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
  printf '%s\n' "setup: python3 is missing or older than 3.10; install Python 3.10 or newer" >&2
  exit 1
}
printf '%s\n' "setting up .venv from $1" >&2
python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r scripts/dev/uv.txt
# The lock names every package, so nothing is left to resolve. Compiled now, since the first command would pay for it.
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --require-hashes --compile-bytecode -r "$1"
