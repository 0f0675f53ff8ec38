#!/usr/bin/env bash
# Make a fresh repository in TARGET from this checkout: no pins, default settings, one Git commit.
# Usage: template.sh TARGET   (demo, tests and .ci/run start from one, so models and settings here do not count)
set -euo pipefail

target=$1
index=$(mktemp)
trap 'rm -f -- "$index"' EXIT
export GIT_INDEX_FILE=$index
git read-tree --empty
git add --all # includes uncommitted changes
git rm --quiet --force --cached --ignore-unmatch -- 'models/*.dvc' 'models/.gitignore' 'models/*/.gitignore'
git checkout-index --all --prefix="$target/"
unset GIT_INDEX_FILE

cat >"$target/.dvc/config" <<'END'
[core]
    remote = storage
    analytics = false
    check_update = false
    autostage = false
    no_scm = false
    hardlink_lock = false
[cache]
    type = "hardlink,symlink,copy"
['remote "storage"']
    url = storage
    verify = true
END
ln -s "$PWD/.venv" "$target/.venv" # building another one takes a while
cd -- "$target"
touch -t 200001010000 scripts/*.txt scripts/dev/*.txt tests/*.txt
git init --quiet --template= --initial-branch main
PYTHONPATH=scripts .venv/bin/python scripts/dev/run.py catalog >/dev/null
git add --all
git commit --quiet --message Start
