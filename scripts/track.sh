#!/usr/bin/env bash
# Pin weights that are not on the Hub: models/NAME as it lies there, or copied from DIR -> remote -> one Git commit.
set -euo pipefail
export VERB=track
. scripts/lib/shell/git.sh
. scripts/lib/shell/record.sh

git_ready
answer=$(python scripts/steps/collect.py)
read -r _ name staged <<<"$answer"
before=$(git_pin "$name")
record_placed "$name" "$staged"
if [[ $before == "$(git_pin "$name")" ]]; then
  printf '%s\n' "$name is pinned as it is already; nothing to do"
else
  printf '%s\n' "tracked $name; next: $(git_next)"
fi
