#!/usr/bin/env bash
# Pin weights that are not on the Hub: models/NAME as it lies there, or copied from DIR -> remote -> one Git commit.
# Usage: make track NAME=NAME or FOLDER/NAME [DIR=FOLDER]
set -euo pipefail
VERB=track
. scripts/lib/git.sh
. scripts/lib/chain.sh

git_ready
answer=$(python scripts/collect.py)
read -r _ name staged <<<"$answer"
record_placed "$name" "$staged"
printf '%s\n' "tracked $name; next: git push"
