"""Completion for bash in the place of Typer's, which gives the command line as bash splits it.

bash splits words at ``=`` and ``:`` (COMP_WORDBREAKS), so that of ``--on role=api`` Typer sees three words and
completes none of them. This one passes the line as it was typed, and takes off the part of a word that bash keeps.
"""

from typer import _completion_shared

__all__ = ["SCRIPT", "use"]

SCRIPT = r"""
%(complete_func)s() {
    local IFS=$'\n' line=${COMP_LINE:0:COMP_POINT}
    local word=${line##* } kept=
    [[ $word == *[=:]* ]] && kept=${word%%"${word##*[=:]}"}
    COMPREPLY=( $(env %(autocomplete_var)s=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args \
        _TYPER_COMPLETE_ARGS="$line" "$1" 2>/dev/null | cut -f 1) )
    COMPREPLY=( "${COMPREPLY[@]#"$kept"}" )
}

complete -o default -F %(complete_func)s %(prog_name)s
"""
"""What ``--install-completion`` and ``--show-completion`` give in bash; Typer fills in the names."""


def use() -> None:
    """Let Typer give it. Typer has no public place for it; a test asks a real bash."""
    _completion_shared._completion_scripts["bash"] = SCRIPT  # noqa: SLF001
