#!/usr/bin/env bash
# Pin a model of the Hub: checked bytes -> models/ -> remote -> one Git commit.
set -euo pipefail
export VERB=add
. scripts/lib/shell/git.sh
. scripts/lib/shell/record.sh

git_ready
answer=$(python scripts/steps/download.py)
read -r state name staged <<<"$answer"
if [[ $state == placed ]]; then
  record_placed "$name" "$staged"
  printf '%s\n' "added $name; next: $(git_next)"
elif ! git_has "$name"; then
  die "models/$name.dvc pins this commit, but is not in Git as it is; commit it, or restore it: git checkout HEAD -- models/$name.dvc"
elif [[ $state == others ]]; then
  printf '%s\n' "$name is pinned at this commit already; models/$name holds other weights: make pull MODEL=$name"
else
  printf '%s\n' "$name is pinned at this commit already; nothing to do"
fi
