#!/usr/bin/env bash
# Pin a model of the Hub: checked bytes -> models/ -> remote -> one Git commit.
set -euo pipefail
VERB=add
. scripts/lib/shell/git.sh
. scripts/lib/shell/record.sh

git_ready
answer=$(python scripts/steps/download.py)
read -r state name staged <<<"$answer"
if [[ $state == placed ]]; then
  record_placed "$name" "$staged"
  printf '%s\n' "added $name; next: git push"
elif git_has "$name"; then
  printf '%s\n' "$name is pinned at this commit already; nothing to do"
else
  die "models/$name.dvc pins this commit, but is not in Git: commit it, or take it back: git checkout -- models/$name.dvc"
fi
