# shellcheck shell=bash
# The second half of add and track, the same for both; sourced by them.

# record_placed NAME STAGED: weights in models/ -> dvc add -> remote -> Git commit, then the staging folder STAGED is
# not needed any more. Safe to run again from any point.
record_placed() {
  local message
  dvc --wait-for-lock add -- "models/$1" >/dev/null ||
    die "dvc add failed, as it says above; nothing was committed; when that is mended, run the same command again"
  message=$({ git show "HEAD:models/$1.dvc" 2>/dev/null || true; } | python scripts/record.py "$1")
  git_commit "$1" "$message"
  rm -rf -- "$2"
}
