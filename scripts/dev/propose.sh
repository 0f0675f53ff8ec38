#!/usr/bin/env bash
# Update a model on a branch of its own and open a pull request for it, or renew the one that is open.
# Usage: propose.sh NAME   (in a clone of the default branch; needs `gh`, logged in; .github/workflows/update.yml runs it)
set -euo pipefail

name=$1
branch=update/$name
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
base=$(git rev-parse HEAD)

make update MODEL="$name"
[[ $(git rev-parse HEAD) != "$base" ]] || exit 0
if git fetch --quiet origin "refs/heads/$branch" 2>/dev/null; then
  if git diff --quiet FETCH_HEAD HEAD -- "models/$name.dvc" &&
    [[ $(gh pr list --head "$branch" --state all --json headRefOid) == *"$(git rev-parse FETCH_HEAD)"* ]]; then
    printf '%s\n' "propose: a pull request from $branch already has this version; nothing to do"
    exit 0
  fi
  others=$(git log --no-merges --format=%ae "$base..FETCH_HEAD" | grep -vxF "$(git log -1 --format=%ae)" || :)
  if [[ $others ]]; then
    printf '%s\n' "propose: $branch has commits of ${others%%$'\n'*}, which this would replace; merge or delete that branch"
    exit 1
  fi
fi
make diff MODEL="$name" FROM="$base" REPORT="$folder/diff.json" >&2
status=0
make verify MODEL="$name" REPORT="$folder/verify.json" >&2 || status=1
PYTHONPATH=scripts .venv/bin/python scripts/dev/proposal.py body "$folder/diff.json" "$folder/verify.json" >"$folder/body"
text=(--title "Update $name" --body-file "$folder/body")
open=$(gh pr list --head "$branch" --state open --json number --jq '.[].number')
[[ -z $open ]] || gh pr edit "$open" "${text[@]}"
git push --quiet --force origin "HEAD:refs/heads/$branch"
[[ $open ]] || gh pr create --head "$branch" "${text[@]}"
exit "$status"
