/** The completion scripts. They ask the command itself for candidates of the last word: `completion candidates`. */
export type Shell = 'bash' | 'zsh'

// If the first candidate ends in a dot or "=", no space is added after the word. Without candidates, shells complete files.
const SCRIPTS: Record<Shell, (name: string) => string> = {
  bash: name => `_${name}() {
  mapfile -t COMPREPLY < <("$1" completion candidates -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1)
  [[ \${COMPREPLY[0]} == *[.=] ]] && compopt -o nospace
}
complete -o default -F _${name} ${name}`,
  zsh: name => `#compdef ${name}
_${name}() {
  local line
  local -a candidates suffix
  for line in "\${(@f)$("\${words[1]}" completion candidates -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && candidates+=("\${\${line//:/\\\\:}/$'\\t'/:}")
  done
  [[ \${candidates[1]%%:*} == *[.=] ]] && suffix=(-S '')
  (( \${#candidates} )) && _describe '${name}' candidates "\${suffix[@]}" || _files
}
# Loaded from $fpath the file is this function's body at the first Tab; else a shell sources it.
if [[ $funcstack[1] == _${name} ]]; then
  _${name} "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _${name} ${name}
fi`,
}

/** Prints the script that a shell sources, or that a package installs. */
export function printScript(name: string, shell: Shell): void {
  console.log(SCRIPTS[shell](name))
}
