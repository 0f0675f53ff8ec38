# Complete commands, variables and model names after `make`, in any repository made from this template.
# Usage: source scripts/dev/completion.sh   (in bash or zsh; in other folders, `make` completes as before)
# shellcheck shell=bash
_weights_usage=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && pwd)/usage.py

# _weights_words WORD...: print the completions of the last WORD, one per line; fail if the Makefile here is not ours.
_weights_words() {
  grep -qs 'call variable,MODEL' Makefile && python3 -IS "$_weights_usage" complete "$@"
}

_weights_bash() {
  local line=${COMP_LINE:0:COMP_POINT} words found
  read -ra words <<<"$line"
  [[ $line != *[[:space:]] ]] || words+=('')
  found=$(_weights_words "${words[@]:1}") || { ${_weights_before:-false} "$@"; return; }
  read -rd '' -a COMPREPLY <<<"$found"
  [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null # bash 3 has no compopt, and adds a space
  # bash treats = as the start of a new word, and replaces only what follows it.
  [[ $2 == "${words[*]: -1}" ]] || COMPREPLY=("${COMPREPLY[@]#*=}")
}

_weights_zsh() {
  local found each
  found=$(_weights_words "${words[@]:1:$((CURRENT - 1))}") || { ${_weights_before:-_default} "$@"; return; }
  [[ $found ]] || { compset -P '*='; _files; return; }
  while read -r each; do
    compadd -S "$([[ $each == *= ]] || printf ' ')" -- "$each"
  done <<<"$found"
}

if [[ ${ZSH_VERSION-} ]]; then
  typeset -f compdef >/dev/null || { autoload -Uz compinit && compinit; }
  [[ ${_comps[make]-} == _weights_zsh ]] || _weights_before=${_comps[make]-}
  compdef _weights_zsh make
else
  { _comp_load make || _completion_loader make; } >/dev/null 2>&1 # else bash loads it at the first TAB, and forgets us
  [[ $(complete -p make 2>&1) =~ -F\ ([^ ]+) && ${BASH_REMATCH[1]} != _weights_bash ]] && _weights_before=${BASH_REMATCH[1]}
  complete -o bashdefault -o default -F _weights_bash make
fi
