"""The agent's command: parse, prove fit, connect, run until told to end."""

import argparse
import asyncio
import ctypes
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from fleettrace.errors import BadInput, FleettraceError, Unfit
from fleettrace.model.names import check_host_name, parse_labels
from fleettrace.model.run import RunLimits, StartRun
from fleettrace.model.tool import ToolDefinition
from fleettrace.wire.address import parse_address
from node_agent import guard
from node_agent.child_process import start_child
from node_agent.fitness import gather_facts, prepare_bcc
from node_agent.identity.entering import enter, hide_join_token
from node_agent.inspection.setting import InspectionSetting
from node_agent.kernel.capabilities import permitted_capabilities, put_down
from node_agent.kernel.cgroups import resolve_scope
from node_agent.kernel.own_cgroups import take_delegated
from node_agent.leftovers import Leftovers
from node_agent.link import Identity, Link, dial_grpc
from node_agent.options import parse_options
from node_agent.orders.gate import OrderGate
from node_agent.orders.trust import OrderTrust, trust_path
from node_agent.outbox import Outbox
from node_agent.questions import Answerer, ask_child
from node_agent.runner import ChildSettings, Runner

__all__ = ["main"]


FAREWELL_LIMIT_S = 3.0
"""How long an agent that was told to end waits for its parts to be acknowledged."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``fleettrace-agent``."""
    try:
        options = parse_options(arguments)
        if arguments is None and options.join:
            hide_join_token(options.join)
        put_down(permitted_capabilities())
        if options.command == "doctor":
            # What writes a report would stay in the memory of an agent that serves.
            from node_agent.visit import visit_doctor  # noqa: PLC0415

            sys.exit(
                asyncio.run(
                    visit_doctor(
                        _inspection(options, check_host_name(options.name or socket.gethostname())),
                        as_json=options.json,
                    )
                )
            )
        if options.command == "clear":
            _say(asyncio.run(Leftovers(options.state_directory).clear()))
            sys.exit(0)
        asyncio.run(_serve(options))
    except FleettraceError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


async def _serve(options: argparse.Namespace) -> None:
    if not options.controller:
        raise BadInput("no controller: give --controller host:port (or unix:PATH), or set FLEETTRACE_CONTROLLER")
    labels = parse_labels(options.label)
    policy = guard.load_host_policy(options.config)
    if os.geteuid() != 0:
        # What the host's owner allows nobody is given up for good, before anything starts a thread. Root keeps it: what
        # it starts would have it anyway.
        put_down(policy.capabilities)
    cgroups = take_delegated()
    renewal = await enter(options, _say)
    name = renewal.credential.host if renewal else check_host_name(options.name or socket.gethostname())
    scope = resolve_scope(options.scope).path if options.scope else ""
    btf_sha256 = unfit_reason = ""
    calibration = None
    if options.backend == "bcc":
        _say("finding out what this kernel can trace; the first time its tools are compiled, for half a minute")
        try:
            fitness = await prepare_bcc(options.state_directory)
            btf_sha256, calibration = fitness.btf_sha256, fitness.calibration
            if calibration is None:
                _say(f"costs are predicted from figures of another machine: {fitness.uncalibrated}")
        except Unfit as error:
            unfit_reason = str(error)
            _say(f"this machine cannot trace, and the controller is told so: {unfit_reason}")
    facts = gather_facts(
        options.backend, str(scope), btf_sha256, unfit_reason, policy.max_runs, calibration=calibration
    )

    leftovers = Leftovers(options.state_directory)

    def check(order: StartRun, tool: ToolDefinition, running: int) -> RunLimits:
        if unfit_reason:
            raise Unfit(unfit_reason)
        leftovers.check_clean(name)
        # A recording needs nothing of the kernel.
        available = tool.capabilities if options.backend == "replay" else facts.capabilities
        return guard.check(
            policy,
            order,
            tool,
            now_ms=_unix_ms(),
            running=running,
            own_name=name,
            available_capabilities=frozenset(available),
        )

    outbox = Outbox()
    settings = ChildSettings(
        options.backend, str(scope), options.state_directory, calibration, policy.max_map_fill_pct, policy.redact
    )
    spawn = partial(start_child, cgroups=cgroups)
    runner = Runner(settings, check, outbox.part, outbox.progress, spawn=spawn, look=leftovers.look_after)
    answerer = Answerer(partial(ask_child, _inspection(options, name)), outbox.answer)
    address = renewal.credential.stream if renewal else str(parse_address(options.controller))
    dial = renewal.dial if renewal else dial_grpc
    gate = OrderGate(name, _trust(options, address, name, policy), clock_ms=_unix_ms, uptime_s=_uptime_s)
    link = Link(
        address,
        Identity(name, labels, facts),
        runner,
        outbox,
        _say,
        gate=gate,
        ask=answerer.ask,
        leftovers=leftovers,
        dial=dial,
    )
    _settle()
    renewing = asyncio.create_task(renewal.run(link.redial)) if renewal else None
    try:
        await _until_signalled(link, runner, outbox, renewing)
    finally:
        if renewing:
            renewing.cancel()
        await answerer.close()


def _settle() -> None:
    """Give back what importing and parsing have used for a moment: an agent idles for days."""
    gc.collect()
    with suppress(AttributeError):  # of glibc, malloc_trim(3)
        ctypes.CDLL(None).malloc_trim(0)


def _trust(options: argparse.Namespace, address: str, name: str, policy: guard.HostPolicy) -> OrderTrust:
    path = trust_path(options.state_directory, name)
    return OrderTrust(path, configured=policy.order_keys, local=address.startswith("unix:"))


def _unix_ms() -> int:
    return int(time.time() * 1000)


def _uptime_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _inspection(options: argparse.Namespace, name: str) -> InspectionSetting:
    return InspectionSetting(name, options.backend, options.state_directory, options.config)


async def _until_signalled(
    link: Link, runner: Runner, outbox: Outbox, renewing: asyncio.Task[None] | None = None
) -> None:
    """Until a signal, or until the controller takes this host no more; then its runs are ended and handed in."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    running = loop.create_task(link.run())
    waiting = loop.create_task(ended.wait())
    watched = {running, waiting, *([renewing] if renewing else ())}
    await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
    runner.stop_all("the agent was told to end" if ended.is_set() else "the controller takes this host no more")
    await runner.wait_all()
    if not running.done():
        try:
            async with asyncio.timeout(FAREWELL_LIMIT_S):
                await outbox.wait_acknowledged()
        except TimeoutError:
            _say(f"{len(outbox.unacknowledged)} results could not be handed in: the controller does not answer")
        running.cancel()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    with suppress(asyncio.CancelledError):
        await running
    if renewing and renewing.done():
        renewing.result()


def _say(text: str) -> None:
    print(f"fleettrace-agent: {text}", file=sys.stderr, flush=True)
