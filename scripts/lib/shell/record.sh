# shellcheck shell=bash
# The second half of add and track, the same for both; sourced by them.

# record_placed NAME STAGED: weights in models/ -> dvc add -> remote -> Git commit; then the staging folder STAGED is
# removed. Safe to run again from any point.
record_placed() {
  local message
  GIT_CONFIG_GLOBAL=$PWD/scripts/lib/shell/dvc.gitconfig dvc --wait-for-lock add -- "models/$1" >/dev/null ||
    die "dvc add failed (see above); nothing was committed; fix that and run the same command again"
  message=$(git_pin "$1" | python scripts/steps/record.py "$1")
  git_commit "$1" "$message" "$2"
  rm -rf -- "$2"
}
