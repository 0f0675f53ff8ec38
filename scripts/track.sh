#!/usr/bin/env bash
# Pin weights that are not on the Hub: models/NAME as it lies there, or copied from DIR -> remote -> one Git commit.
set -euo pipefail
VERB=track
. scripts/lib/shell/git.sh
. scripts/lib/shell/record.sh

git_ready
answer=$(python scripts/steps/collect.py)
read -r _ name staged <<<"$answer"
record_placed "$name" "$staged"
printf '%s\n' "tracked $name; next: git push"
