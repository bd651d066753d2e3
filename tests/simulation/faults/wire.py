"""What befalls connections, and what comes over them that should not."""

from typing import TYPE_CHECKING

from fleettrace.wire.limits import PROTOCOL_VERSION
from fleettrace.wire.v1 import agent_link_pb2 as link_pb
from tests.fakes.ordering import CHALLENGE
from tests.simulation.faults.undo import for_a_while
from tests.simulation.host import SimulatedHost
from tests.simulation.loop import WORLD

if TYPE_CHECKING:
    from tests.simulation.scenario import World

__all__ = [
    "late_greeting",
    "malformed_once",
    "malformed_part",
    "network_slow",
    "partition",
    "reset",
    "reset_all",
    "stranger",
]


def partition(world: "World", host: SimulatedHost) -> None:
    directions = world.rng.choice((("up", "down"), ("up",), ("down",)))
    wait_s = world.rng.choice((0.3, 2.0, 9.0, 9.9, 16.0, 25.0))
    world.story.tell(f"FAULT {host.name}: partition {'+'.join(directions)} for {wait_s:g} s")
    for direction in directions:
        world.network.block(host.name, direction)
    for_a_while(world, host, wait_s, lambda: world.network.heal(host.name))


def reset(world: "World", host: SimulatedHost) -> None:
    agent_knows, controller_knows = world.rng.choice(((True, True), (True, False), (False, True)))
    world.story.tell(f"FAULT {host.name}: reset; known to agent {agent_knows}, controller {controller_knows}")
    host.trouble()
    world.network.reset(host.name, agent_knows=agent_knows, controller_knows=controller_knows)


def late_greeting(world: "World", host: SimulatedHost) -> None:
    """The host dials anew, and the controller hears nothing of it for longer than it waits for a greeting."""
    wait_s = world.rng.uniform(5.2, 9.0)
    world.story.tell(f"FAULT {host.name}: greets again {wait_s:.1f} s late")
    world.trouble()
    world.network.mute_next(host.name, wait_s)
    world.network.reset(host.name)


def reset_all(world: "World", _: SimulatedHost) -> None:
    world.story.tell("FAULT every connection is reset")
    for host in world.hosts:
        host.trouble()
        world.network.reset(host.name)


def network_slow(world: "World", host: SimulatedHost) -> None:
    slowness = world.rng.choice((5.0, 50.0, 300.0, 1_500.0))
    world.story.tell(f"FAULT the network is {slowness:g} times slower")
    world.network.slowness = slowness
    world.trouble()
    if world.rng.random() < 0.5:
        reset_all(world, host)

    def undo() -> None:
        world.network.slowness = 1.0
        world.trouble()

    world.loop.call_later(4.0, undo, context=WORLD)


def malformed_once(world: "World", host: SimulatedHost) -> None:
    """One message is outside the contract: the stream is cut, and nothing else is lost."""
    host.trouble()

    def spoil(message: link_pb.AgentMessage) -> link_pb.AgentMessage:
        world.spoiled.pop(host.name)
        world.story.tell(f"FAULT {host.name}: sends {message.WhichOneof('message')} outside the contract")
        match world.rng.randrange(3):
            case 0:
                return link_pb.AgentMessage()
            case 1:
                bad = link_pb.AgentMessage()
                bad.progress.run.job_id = "j1"
                bad.progress.run.host = "somebody-else"
                bad.progress.run.attempt = 1
                return bad
            case _:
                return link_pb.AgentMessage(hello=_hello(host.name))

    world.spoiled[host.name] = spoil


def malformed_part(world: "World", host: SimulatedHost) -> None:
    """The next final part is outside the contract, however often it is sent."""
    host.trouble()
    poisoned: list[bytes] = []

    def spoil(message: link_pb.AgentMessage) -> link_pb.AgentMessage:
        if message.WhichOneof("message") != "part" or not message.part.final:
            return message
        key = message.part.run.SerializeToString()
        if not poisoned:
            poisoned.append(key)
            world.story.tell(f"FAULT {host.name}: the part of {message.part.run.job_id} is outside the contract")
        if key != poisoned[0]:
            return message
        bad = link_pb.AgentMessage()
        bad.CopyFrom(message)
        bad.part.cost.hits = 1 << 60
        return bad

    world.spoiled[host.name] = spoil


def stranger(world: "World", host: SimulatedHost) -> None:
    """Somebody greets with another protocol, as a sound host's name, or with nonsense."""
    hello = _hello(host.name)
    match world.rng.randrange(4):
        case 0:
            hello.protocol = PROTOCOL_VERSION + 1
        case 1:
            hello.host = "not a name"
        case 2:
            hello.running.add(job_id="j1", host=world.rng.choice(world.hosts).name, attempt=1)
        case 3:
            pass
    world.story.tell(f"FAULT a stranger greets as {hello.host} with protocol {hello.protocol}")
    host.trouble()
    world.stranger(hello)


def _hello(name: str) -> link_pb.Hello:
    return link_pb.Hello(protocol=PROTOCOL_VERSION, challenge=CHALLENGE, host=name)
