#!/usr/bin/env bash
# Pin a model of the Hub: checked bytes -> models/ -> remote -> one Git commit.
# Usage: make add MODEL=ORG/NAME[@REVISION] [REVISION=branch, tag or commit] [NAME=FOLDER/NAME] [INCLUDE='*.json …'] [EXCLUDE=…]
set -euo pipefail
VERB=add
. scripts/lib/git.sh
. scripts/lib/chain.sh

git_ready
answer=$(python scripts/download.py)
read -r state name staged <<<"$answer"
if [[ $state == placed ]]; then
  record_placed "$name" "$staged"
  printf '%s\n' "added $name; next: git push"
elif git_has "$name"; then
  printf '%s\n' "$name is pinned at this commit already; nothing to do"
else
  die "models/$name.dvc pins this commit, but is not in Git: commit it, or take it back: git checkout -- models/$name.dvc"
fi
