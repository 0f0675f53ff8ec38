#!/usr/bin/env bash
# Renew the locked requirement files: newest versions that fit, with hashes, for every platform and Python.
# Usage: make lock
set -euo pipefail

# The override is for the tests' packages; the other two lists do not name it.
for name in scripts/dev/uv scripts/requirements tests/requirements; do
  .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes --no-emit-index-url \
    --custom-compile-command 'make lock' --override tests/overrides.txt "$name.in" -o "$name.txt"
  printf '%s\n' "locked $name.txt"
done
printf '%s\n' 'next: make test, then commit the three files'
