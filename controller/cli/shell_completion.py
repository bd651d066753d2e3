"""Completion for bash, zsh and fish in the place of Typer's, over the protocol of its that takes the line as typed.

Each asks with ``complete_fish``: a line for each word that may come, with a tab and what it means. What Typer's own
scripts get wrong, as tests in real shells show:

- of ``--on=role=api`` no shell completes the value: what they compare with is the value alone;
- bash splits words at ``=`` and ``:`` (COMP_WORDBREAKS), so that Typer sees three words in ``--on role=api``;
- a meaning that is longer than the terminal is wide is wrapped, and its second line is offered as a word (COLUMNS);
- zsh loads the file at the first TAB, which defines a function and completes nothing; and ``eval`` takes quotes off;
- fish asks the controller twice.
"""

from typer import _completion_shared

__all__ = ["SCRIPTS", "use"]

_ASK = "env COLUMNS=9999 %(autocomplete_var)s=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args _TYPER_COMPLETE_ARGS="

_BASH = rf"""
%(complete_func)s() {{
    local line=${{COMP_LINE:0:COMP_POINT}} breaks=${{COMP_WORDBREAKS//[^=:]}} option= kept=
    local word=${{line##* }}
    [[ $word == --*=* ]] && option=${{word%%%%=*}}=
    [[ -n $breaks && $word == *[$breaks]* ]] && kept=${{word%%"${{word##*[$breaks]}}"}}
    local told
    told=$({_ASK}"$line" "$1" 2>/dev/null | cut -f 1)
    [[ $told ]] && mapfile -t COMPREPLY <<<"$told"
    COMPREPLY=( "${{COMPREPLY[@]/#/$option}}" )
    COMPREPLY=( "${{COMPREPLY[@]#"$kept"}}" )
}}

complete -o default -F %(complete_func)s %(prog_name)s
"""

_ZSH = rf"""
#compdef %(prog_name)s

%(complete_func)s() {{
    local line="${{(j: :)words[1,CURRENT-1]}} $PREFIX" word
    local -a told
    for word in ${{(f)"$({_ASK}"$line" ${{~words[1]}} 2>/dev/null)"}}; do
        told+=( "${{${{word%%%%$'\t'*}}//:/\\:}}${{${{(M)word%%$'\t'*}}/$'\t'/:}}" )
    done
    compset -P 1 '--*='
    if (( $#told )); then _describe '' told; else _files; fi
}}

# Loaded from a folder of functions at the first TAB, this file is the function.
if [[ $funcstack[1] == _%(prog_name)s ]]; then %(complete_func)s "$@"; else compdef %(complete_func)s %(prog_name)s; fi
"""

_FISH = rf"""
function %(complete_func)s
    set -l option (string match --regex -- '^--[^=]*=' (commandline -ct))
    test -n "$option"; or set option ''
    set -l program (string replace --regex '^~(?=/)' $HOME -- (commandline -opc)[1])
    set -l told ({_ASK}(commandline -cp) $program 2>/dev/null)
    test -n "$told"; or set told (__fish_complete_path (string replace -- $option '' (commandline -ct)))
    printf '%%s\n' $option$told
end

complete --command %(prog_name)s --no-files --arguments '(%(complete_func)s)'
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
"""What ``--install-completion`` and ``--show-completion`` give, by shell; Typer fills in the names."""


def use() -> None:
    """Let Typer give them. Typer has no public place for it; tests ask real shells."""
    _completion_shared._completion_scripts.update(SCRIPTS)  # noqa: SLF001
