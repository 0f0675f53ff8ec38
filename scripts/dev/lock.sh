#!/usr/bin/env bash
# Update the locked requirement files: the newest compatible versions, with hashes, for every platform and Python.
# Usage: make lock
set -euo pipefail

# The override changes only tests/requirements.txt: the other two files do not contain its package.
for name in scripts/dev/uv scripts/requirements tests/requirements; do
  .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes --no-emit-index-url \
    --custom-compile-command 'make lock' --override tests/overrides.txt "$name.in" -o "$name.txt"
  printf '%s\n' "locked $name.txt"
done
printf '%s\n' 'next: make test, then commit the three files'
