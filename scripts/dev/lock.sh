#!/usr/bin/env bash
# Renew the locked requirement files: newest versions that fit, with hashes, for every platform and Python.
# Usage: make lock
set -euo pipefail

lock() {
  .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes \
    --no-emit-index-url --custom-compile-command 'make lock' "$@"
  printf '%s\n' "locked ${*: -1}"
}

lock scripts/dev/uv.in -o scripts/dev/uv.txt
lock scripts/requirements.in -o scripts/requirements.txt
lock --override tests/overrides.txt tests/requirements.in -o tests/requirements.txt
printf '%s\n' 'next: make test, then commit the three files'
