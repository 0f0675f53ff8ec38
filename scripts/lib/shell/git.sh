#!/usr/bin/env bash
# Checks before a Git commit, the commit itself, tags and bundles: commands change Git only through this file.
# Usage: git.sh FUNCTION WORD...   (prints the answer; with exit status 1, a sentence that says why it refused)
set -euo pipefail

# die SENTENCE: refuse, with that reason.
die() {
  printf '%s\n' "$1"
  exit 1
}

# unlocked LOCK: wait up to two seconds while another Git command holds the file LOCK; fail if it still does.
unlocked() {
  for _ in {1..20}; do
    [[ -e $1 ]] || return 0
    sleep 0.1
  done
  return 1
}

# unsettled: succeed during a merge or the like, which a commit would conclude.
unsettled() {
  local folder
  folder=$(git rev-parse --git-dir)
  [[ -e $folder/rebase-merge || -e $folder/rebase-apply ]] || # the others are refs, for which Git may have no files
    printf '%s\n' MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD | git cat-file --batch-check | grep -v ' missing$' >/dev/null
}

# settled: refuse during a merge or the like, or if Git refuses to work here.
settled() {
  local why
  why=$(git rev-parse --git-dir 2>&1 >/dev/null) || die "Git says: ${why//[[:space:]]/ }"
  ! unsettled ||
    die "a merge, rebase, cherry-pick or revert is in progress; finish it (git status says how), then run the same command again"
}

# commit_of PATH SUBJECT: print what to type next to commit PATH, which Git refuses to commit alone during a merge;
# nothing if it is committed, or during a merge staged, as it is.
commit_of() {
  local how="git commit --message '$2' -- $1" last=HEAD
  ! unsettled 2>/dev/null || last=
  if ! git ls-files --error-unmatch -- "$1" >/dev/null 2>&1; then
    how="git add $1 && $how"
  elif git --no-optional-locks diff --quiet $last -- "$1" 2>/dev/null; then
    return
  fi
  [[ $last ]] || how="git add $1, then finish the merge, rebase, cherry-pick or revert (git status says how)"
  printf '; next: %s\n' "$how"
}

# identified: refuse if Git has no name or address to put into a commit or a tag.
identified() {
  { git var GIT_AUTHOR_IDENT && git var GIT_COMMITTER_IDENT; } >/dev/null 2>&1 ||
    die "Git does not know who you are; type: git config user.name NAME and git config user.email ADDRESS"
}

# ready: refuse if no commit can be made here now. Commands ask before they download anything.
ready() {
  local lock quoted why
  settled
  identified
  lock=$(git rev-parse --git-dir)/index.lock
  printf -v quoted %q "$lock"
  unlocked "$lock" ||
    die "another Git command is running, or one was killed; if none is running: rm $quoted, then run the same command again"
  [[ $(git config --type=bool commit.gpgSign) != true ]] ||
    why=$(git commit-tree -S -m 'A trial of the signature' "$(git mktree </dev/null)" 2>&1 >/dev/null) ||
    die "Git cannot sign commits here, as commit.gpgSign asks: ${why//$'\n'/ }"
}

# remote: print the Git remote to push to: the one that Git's settings name for this branch, or else origin or the first.
remote() {
  local named
  named=$(git for-each-ref --format='%(push:remotename)' "$(git symbolic-ref --quiet HEAD || echo none)")
  git remote | grep -xF -e "${named:-origin}" || git remote | sed -n 1p
}

# next: print what to type after a commit. Git refuses a bare push of a branch that was never pushed.
next() {
  local next='git push'
  [[ ! $(git remote) ]] || git rev-parse --verify '@{push}' >/dev/null 2>&1 ||
    printf -v next 'git push --set-upstream %q HEAD' "$(remote)"
  git diff --quiet HEAD -- .dvc/config || next="git commit --message 'Set the remote' -- .dvc/config, then $next"
  git symbolic-ref --quiet HEAD >/dev/null || next='git switch --create BRANCH, since HEAD is detached'
  printf '%s\n' "$next"
}

# stage PIN NAME GONE PAGE: in the index that GIT_INDEX_FILE names, set the pin of NAME, remove the pin of GONE (either
# may be empty), set the catalog page, and drop the .gitignore files that DVC once needed. PIN and PAGE are blob ids.
stage() {
  [[ ! $3 ]] || git update-index --force-remove -- "models/$3.dvc"
  git update-index --add ${2:+--cacheinfo "100644,$1,models/$2.dvc"} --cacheinfo "100644,$4,models/README.md"
  git rm --quiet --force --cached --ignore-unmatch -- 'models/.gitignore' 'models/*/.gitignore'
}

# commit STAGED MESSAGE NAME GONE: commit the catalog page and the pin of NAME from the folder STAGED, and remove the
# pin of GONE; one of the names may be empty. Other staged changes stay staged, and other edits are left alone. Git's
# index is written first: a kill then leaves a commit to make, never one to undo.
commit() {
  local folder committed staged pin=
  folder=$(git rev-parse --absolute-git-dir)
  own=$(mktemp -u "$folder/index.make.XXXXXX") # a Git command of a killed run may still be using its own
  trap 'rm -f -- "$own" "$own.lock"' EXIT
  find "$folder" -maxdepth 1 -name 'index.make.*' -mtime +0 -delete
  unlocked "$folder/index.lock" || : # if it is still locked, Git will say so
  [[ ! $3 ]] || pin=$(git hash-object -w --stdin <"$1/page.pin")
  committed=$(git hash-object -w --stdin <"$1/page.commit")
  staged=$(git hash-object -w --stdin <"$1/page.index")
  ! git rev-parse --verify --quiet HEAD >/dev/null || GIT_INDEX_FILE=$own git read-tree HEAD
  GIT_INDEX_FILE=$own stage "$pin" "$3" "$4" "$committed"
  GIT_INDEX_FILE=$folder/index stage "$pin" "$3" "$4" "$staged"
  GIT_INDEX_FILE=$own git diff-index --cached --quiet HEAD -- 2>/dev/null ||
    GIT_INDEX_FILE=$own git commit --quiet --message "$2" >&2 ||
    die "git commit failed (see above); fix that and run the same command again"
  git update-index -q --refresh || : # entries added by blob id have no timestamps yet, and would look modified
}

# tag NAME MESSAGE COMMIT: make an annotated tag, signed if Git is configured to sign commits or tags.
tag() {
  local sign=--no-sign why
  identified
  [[ $(git config --type=bool commit.gpgSign) != true && $(git config --type=bool tag.gpgSign) != true ]] || sign=--sign
  why=$(git tag "$sign" --annotate --message "$2" -- "$1" "$3" 2>&1) || die "git tag failed: ${why//$'\n'/ }"
  # Some versions of Git make an unsigned tag if the SSH key cannot sign.
  [[ $sign == --sign && $(git cat-file tag "refs/tags/$1") != *'-----BEGIN '* ]] || return 0
  git tag --delete "$1" >/dev/null
  die "Git cannot sign tags here, as its settings ask: ${why//$'\n'/ }"
}

# bundle FILE: write HEAD and all branches and tags, with their history, to a file that can be cloned.
bundle() {
  local why
  why=$(git bundle create --quiet - HEAD --branches --tags 2>&1 >"$1") || die "git bundle failed: ${why//$'\n'/ }"
}

"$@"
