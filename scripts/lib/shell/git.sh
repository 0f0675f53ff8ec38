# shellcheck shell=bash
# What commands ask of Git; sourced by them, and the one file that calls it.

# Stop the command VERB with the sentence $1.
die() {
  printf '%s: %s\n' "$VERB" "$1" >&2
  exit 1
}

# git_ready: a commit can be made here, now; found out before anything is downloaded.
git_ready() {
  git rev-parse --git-dir >/dev/null 2>&1 || die "not in a Git repository; clone it with git"
  git var GIT_COMMITTER_IDENT >/dev/null 2>&1 ||
    die "Git does not know who you are; type: git config user.name NAME and git config user.email ADDRESS"
  local state
  for state in MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD rebase-merge rebase-apply; do
    [[ ! -e $(git rev-parse --git-path "$state") ]] ||
      die "a merge, rebase, cherry-pick or revert is in progress; finish it (git status says how), then run the same command again"
  done
  state=$(git rev-parse --git-path index.lock)
  [[ ! -e $state ]] ||
    die "another Git command is at work, or one was killed; if none is running: rm '$state', then run the same command again"
}

# git_paths NAME: the files that a commit of the model NAME holds, into the array PATHS.
git_paths() {
  PATHS=("models/$1.dvc" "$(dirname "models/$1")/.gitignore" models/README.md)
}

# git_pin NAME: print the pin of NAME as the last Git commit has it, or nothing.
git_pin() {
  git show "HEAD:models/$1.dvc" 2>/dev/null || true
}

# git_has NAME: the last Git commit holds the pin of NAME as it is now.
git_has() {
  git cat-file -e "HEAD:models/$1.dvc" 2>/dev/null && git diff --quiet HEAD -- "models/$1.dvc"
}

# git_commit NAME MESSAGE: commit exactly the files of NAME; what else is staged stays staged.
git_commit() {
  git_paths "$1"
  git add -- "${PATHS[@]}"
  git diff --quiet HEAD -- "${PATHS[@]}" || git commit --quiet --only --message "$2" -- "${PATHS[@]}" ||
    die "git commit failed (see above); fix that and run the same command again"
}
