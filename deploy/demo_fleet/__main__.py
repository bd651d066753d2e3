"""``deploy/demo``: a fleet on this machine, a job over it, and nothing left behind."""

import argparse
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from deploy.demo_fleet.cgroups import PREFIX, HostGroups, find_cpu_v1_mount, sweep
from deploy.demo_fleet.fleet import DemoFailed, Fleet
from deploy.demo_fleet.hosts import HOSTS, SLOW_HOST
from deploy.demo_fleet.processes import load, save
from fleettrace.errors import BadInput, FleettraceError, Unfit
from node_agent.kernel.cgroups import find_cgroup2_mount
from node_agent.kernel.inventory import program_ids

STATE_FILE = "demo.json"

NEWEST_JOB = "JOB"
MAIN_JOB = ("run", "runqlat", "--on", "all", "--for", "5s")
STORY: tuple[tuple[str, Sequence[str]], ...] = (
    ("Which hosts are there?", ("hosts",)),
    ("How long do runnable tasks wait for a CPU, and where for longer? It is not told which host is slow.", MAIN_JOB),
    ("What does that host look like by itself?", ("show", NEWEST_JOB, "--host", SLOW_HOST)),
    ("Why: where do tasks wait while they are off the CPU?", ("run", "offcputime", "--on", "all", "--for", "3s")),
    ("What was asked, and by whom?", ("jobs",)),
)
"""Questions in their order, with the commands that answer them."""


class Interrupted(BaseException):
    """A signal asked the demonstration to end; not an error, so that nothing but the top handles it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; returns the exit code."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    narrator = Narrator(to_stderr=options.json)
    try:
        if os.geteuid() != 0:
            raise Unfit("the demonstration makes cgroups and loads eBPF programs, so it needs root: run it with sudo")
        if options.stop is not None:
            return _stop(_load(options.stop), narrator)
        return _demonstrate(narrator, keep=options.keep, as_json=options.json)
    except FleettraceError as error:
        narrator.say(f"demo: {error}")
        return error.exit_code
    except Interrupted as interrupted:
        return 128 + interrupted.number


class Narrator:
    """Tells what happens; on stderr when stdout is for the result alone."""

    def __init__(self, *, to_stderr: bool) -> None:
        self._stream = sys.stderr if to_stderr else sys.stdout

    def say(self, text: str) -> None:
        """One paragraph."""
        print(text, file=self._stream, flush=True)

    def show_command(self, arguments: Sequence[str], question: str = "") -> None:
        """A command as a person would type it, after the question that it answers."""
        line = shlex.join(["fleettrace", *arguments])
        asked = f"\n# {question}" if question else ""
        self.say(f"{asked}\n\033[1m$ {line}\033[0m" if self._stream.isatty() else f"{asked}\n$ {line}")


def _demonstrate(narrator: Narrator, *, keep: bool, as_json: bool) -> int:
    v2_mount, cpu_v1_mount = find_cgroup2_mount(), find_cpu_v1_mount()
    for stale in sweep(v2_mount, cpu_v1_mount, Path(tempfile.gettempdir())):
        narrator.say(f"removed {stale}, left by a demonstration that was killed")
    groups = HostGroups(v2_mount, cpu_v1_mount, f"{PREFIX}{os.getpid()}")
    directory = Path(tempfile.mkdtemp(prefix=f"{groups.name}-"))
    fleet = Fleet(directory, groups, frozenset(program_ids()), ends_with_demo=not keep)
    stays = False
    left: list[str] = []
    try:
        code = _show(fleet, narrator, as_json=as_json)
        stays = keep and code == 0
        if code == 0 and not keep and not as_json:
            narrator.say("\nTo try it yourself: deploy/demo --keep")
    finally:
        if not stays:
            left = _end(fleet, narrator)
    if stays:
        _keep(fleet, narrator)
    return 1 if left else code


def _show(fleet: Fleet, narrator: Narrator, *, as_json: bool) -> int:
    try:
        _start(fleet, narrator)
        if as_json:
            narrator.show_command(MAIN_JOB)
            print(fleet.command([*MAIN_JOB, "--json"], capture=True), end="", flush=True)
        else:
            for question, step in STORY:
                arguments = [fleet.newest_job() if word == NEWEST_JOB else word for word in step]
                narrator.show_command(arguments, question)
                fleet.command(arguments)
                if step is MAIN_JOB:
                    narrator.say(_named(fleet.suspect()))
    except (DemoFailed, FleettraceError) as error:
        narrator.say(f"\nWhat the programs said last:\n{fleet.tails()}\ndemo: {error}")
        return error.exit_code if isinstance(error, FleettraceError) else 1
    return 0


def _start(fleet: Fleet, narrator: Narrator) -> None:
    began = time.monotonic()
    narrator.say(
        f"Starting a fleet of {len(HOSTS)} hosts on this machine. Their agents compile the tools for this kernel first,"
        " which takes half a minute, longer on a busy machine."
    )
    fleet.start_services()
    how = fleet.slow_down()
    fleet.start_controller()
    fleet.start_agents()
    narrator.say(
        f"It is up after {time.monotonic() - began:.0f} s: each host is a cgroup with a small service and its own"
        f" agent.\n{SLOW_HOST} was made slow: {how}.\n"
        f"export FLEETTRACE_CONTROLLER={fleet.address} PATH={Path(sys.executable).parent}:$PATH"
    )


def _named(suspect: str) -> str:
    if suspect == SLOW_HOST:
        return f"\nIt named {SLOW_HOST}, the host that was made slow."
    return f"\nIt named {suspect or 'nobody'}, not {SLOW_HOST}: other work on this machine may hide it. Try it again."


def _end(fleet: Fleet, narrator: Narrator) -> list[str]:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # what was started is ended, however impatient one is
    ended, made = len(fleet.processes), len(fleet.groups.directories)
    left = fleet.stop()
    shutil.rmtree(fleet.directory, ignore_errors=True)
    if fleet.directory.exists():
        left.append(f"directory {fleet.directory}")
    if left:
        narrator.say(f"\nLEFT BEHIND: {'; '.join(left)}")
    else:
        narrator.say(
            f"\nNothing is left behind: {ended} programs ended, {made} cgroups removed, no eBPF program stays loaded."
        )
    return left


def _keep(fleet: Fleet, narrator: Narrator) -> None:
    save(fleet.directory / "processes.json", fleet.processes)
    state = {
        "v2_mount": str(fleet.groups.v2_mount),
        "name": fleet.groups.name,
        "directories": [str(directory) for directory in fleet.groups.directories],
        "programs_before": sorted(fleet.programs_before),
    }
    (fleet.directory / STATE_FILE).write_text(json.dumps(state))
    narrator.say(f"\nThe fleet keeps running. To end it: deploy/demo --stop {fleet.directory}")


def _load(directory: Path) -> Fleet:
    try:
        state = json.loads((directory / STATE_FILE).read_text())
        directories = [Path(name) for name in state["directories"]]
        groups = HostGroups(Path(state["v2_mount"]), None, state["name"], directories)
        started = load(directory / "processes.json")
        return Fleet(directory, groups, frozenset(state["programs_before"]), processes=started)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{directory} is not what 'deploy/demo --keep' printed: {error}") from error


def _stop(fleet: Fleet, narrator: Narrator) -> int:
    return 1 if _end(fleet, narrator) else 0


def _interrupt(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deploy/demo",
        description="Shows fleettrace on a small fleet on this machine, one host of it slow. Everything ends with it.",
        epilog="exit codes: 0 shown and nothing left behind; 1 a step failed or something was left; 2 bad option;"
        " 6 this machine cannot trace; 130 and 143 ended by Ctrl-C or a request",
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--keep", action="store_true", help="leave the fleet running, and say how to end it")
    chosen.add_argument("--stop", type=Path, metavar="DIR", help="end a fleet that was kept")
    chosen.add_argument("--json", action="store_true", help="print only the main job's result, as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
