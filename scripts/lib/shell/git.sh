#!/usr/bin/env bash
# What commands ask of Git before a commit, and the commit: the one file that changes Git.
# Usage: git.sh FUNCTION WORD...   (prints the answer; with an exit status of 1, the sentence that says why not)
set -euo pipefail

# Refuse with the sentence $1.
die() {
  printf '%s\n' "$1"
  exit 1
}

# unlocked LOCK: wait while another Git command holds the file LOCK, two seconds at most; fails if it still does.
unlocked() {
  for _ in {1..20}; do
    [[ -e $1 ]] || return 0
    sleep 0.1
  done
  return 1
}

# settled: nothing is in progress whose commit ours would be.
settled() {
  local folder state
  folder=$(git rev-parse --git-dir)
  for state in MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD rebase-merge rebase-apply; do
    [[ ! -e $folder/$state ]] ||
      die "a merge, rebase, cherry-pick or revert is in progress; finish it (git status says how), then run the same command again"
  done
}

# ready: a commit can be made here, now; found out before anything is downloaded.
ready() {
  local folder why
  why=$(git rev-parse --git-dir 2>&1 >/dev/null) || die "Git says: ${why//$'\n'/ }"
  why=$(git var GIT_AUTHOR_IDENT 2>&1 >/dev/null && git var GIT_COMMITTER_IDENT 2>&1 >/dev/null) ||
    die "Git does not know who you are; type: git config user.name NAME and git config user.email ADDRESS"
  settled
  folder=$(git rev-parse --git-dir)
  unlocked "$folder/index.lock" ||
    die "another Git command is at work, or one was killed; if none is running: rm '$folder/index.lock', then run the same command again"
  [[ $(git config --type=bool commit.gpgSign) != true ]] ||
    why=$(git commit-tree -S -m 'A trial of the signature' "$(git mktree </dev/null)" 2>&1 >/dev/null) ||
    die "Git cannot sign commits here, as commit.gpgSign asks: ${why//$'\n'/ }"
}

# next: what to type after a commit.
next() {
  local next='git push'
  git diff --quiet HEAD -- .dvc/config || next="git commit --message 'Set the remote' -- .dvc/config, then git push"
  git symbolic-ref --quiet HEAD >/dev/null || next='git switch --create BRANCH, since HEAD is detached'
  printf '%s\n' "$next"
}

# stage PIN NAME GONE PAGE: in the index that GIT_INDEX_FILE names, set the pin of NAME if there is one, remove that of
# GONE if there is one, set the catalog's page, and drop the .gitignore files that DVC once needed. PIN, PAGE: blob ids.
stage() {
  [[ ! $3 ]] || git update-index --force-remove -- "models/$3.dvc"
  git update-index --add ${2:+--cacheinfo "100644,$1,models/$2.dvc"} --cacheinfo "100644,$4,models/README.md"
  git rm --quiet --force --cached --ignore-unmatch -- 'models/.gitignore' 'models/*/.gitignore'
}

# commit STAGED MESSAGE NAME GONE: commit the page and the pin of NAME that lie in the folder STAGED, and remove the pin of
# GONE; one of the names may be empty. What else is staged stays so, what else is edited is left alone. Git's index comes
# first: a kill leaves a commit to make, none to undo.
commit() {
  local folder committed staged pin=
  folder=$(git rev-parse --absolute-git-dir)
  own=$folder/index.make.$$ # the Git command of a run that was killed may still be at work on its own
  trap 'rm -f -- "$own" "$own.lock"' EXIT
  rm -f -- "$own" "$own.lock" # of one with the same number
  find "$folder" -maxdepth 1 -name 'index.make.*' -mtime +0 -delete
  unlocked "$folder/index.lock" || : # else Git says so
  [[ ! $3 ]] || pin=$(git hash-object -w --stdin <"$1/page.pin")
  committed=$(git hash-object -w --stdin <"$1/page.commit")
  staged=$(git hash-object -w --stdin <"$1/page.index")
  ! git rev-parse --verify --quiet HEAD >/dev/null || GIT_INDEX_FILE=$own git read-tree HEAD
  GIT_INDEX_FILE=$own stage "$pin" "$3" "$4" "$committed"
  GIT_INDEX_FILE=$folder/index stage "$pin" "$3" "$4" "$staged"
  GIT_INDEX_FILE=$own git diff-index --cached --quiet HEAD -- 2>/dev/null ||
    GIT_INDEX_FILE=$own git commit --quiet --message "$2" >&2 ||
    die "git commit failed (see above); fix that and run the same command again"
  git update-index -q --refresh || : # what was put there by its id has no times yet, and would pass for changed
}

# tag NAME MESSAGE COMMIT: an annotated tag, signed where Git is set up to sign commits or tags.
tag() {
  local sign=--no-sign why
  [[ $(git config --type=bool commit.gpgSign) != true && $(git config --type=bool tag.gpgSign) != true ]] || sign=--sign
  why=$(git tag "$sign" --annotate --message "$2" -- "$1" "$3" 2>&1) || die "git tag failed: ${why//$'\n'/ }"
  # Some versions of Git make an unsigned tag where a key of SSH cannot sign.
  [[ $sign == --sign && $(git cat-file tag "refs/tags/$1") != *'-----BEGIN '* ]] || return 0
  git tag --delete "$1" >/dev/null
  die "Git cannot sign tags here, as its settings ask: ${why//$'\n'/ }"
}

# bundle FILE: HEAD, all branches and tags, with all that they need, as a file that can be cloned.
bundle() {
  local why
  why=$(git bundle create --quiet - HEAD --branches --tags 2>&1 >"$1") || die "git bundle failed: ${why//$'\n'/ }"
}

"$@"
