# Complete commands, variables and names of models after `make`, in any repository of these commands.
# Usage: source scripts/dev/completion.sh   (in bash or zsh; elsewhere make is completed as before)
# shellcheck shell=bash
_weights_usage=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && pwd)/usage.py

# _weights_words WORD...: what the last WORD may become, one a line; fails if the Makefile here is another one.
_weights_words() {
  grep -qs 'call variable,MODEL' Makefile && python3 -IS "$_weights_usage" complete "$@"
}

_weights_bash() {
  local line=${COMP_LINE:0:COMP_POINT} words found
  read -ra words <<<"$line"
  [[ $line != *[[:space:]] ]] || words+=('')
  found=$(_weights_words "${words[@]:1}") || { ${_weights_before:-false} "$@"; return; }
  read -rd '' -a COMPREPLY <<<"$found"
  [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
  # To bash the = begins a word of its own.
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
  { _comp_load make || _completion_loader make; } >/dev/null 2>&1 # else bash does that at the first TAB, and forgets us
  [[ $(complete -p make 2>&1) =~ -F\ ([^ ]+) && ${BASH_REMATCH[1]} != _weights_bash ]] && _weights_before=${BASH_REMATCH[1]}
  _weights_options=(-o bashdefault -o default)
  type -t compopt >/dev/null || _weights_options+=(-o nospace) # bash 3 cannot leave the space out after a = alone
  complete "${_weights_options[@]}" -F _weights_bash make
fi
