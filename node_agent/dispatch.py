"""What the controller wants, from the stream to those who do it."""

from collections.abc import Callable

from fleettrace.errors import FleettraceError, Malformed, Refused
from fleettrace.model.inspection import Answer, Question, Unanswered
from fleettrace.orders.envelope import named_run
from fleettrace.wire.codec import answer_to_wire, question_from_wire, run_key_from_wire
from fleettrace.wire.v1 import agent_link_pb2 as link_pb
from fleettrace.wire.v1 import inspection_pb2 as inspection_pb
from node_agent.leftovers import Leftovers
from node_agent.orders.gate import OrderGate
from node_agent.outbox import Outbox
from node_agent.runner import Runner

__all__ = ["Dispatch"]


class Dispatch:
    """Orders go through ``gate`` to ``runner``, questions to ``ask``; what is refused is answered all the same."""

    def __init__(
        self,
        host: str,
        runner: Runner,
        outbox: Outbox,
        say: Callable[[str], None],
        *,
        gate: OrderGate,
        ask: Callable[[Question], None] | None = None,
        leftovers: Leftovers | None = None,
    ) -> None:
        self._host = host
        self._runner = runner
        self._outbox = outbox
        self._say = say
        self._gate = gate
        self._ask = ask
        self._leftovers = leftovers

    def take(self, message: link_pb.ControllerMessage) -> None:
        """Any message but those about the stream itself; one that this version does not know is passed over."""
        match message.WhichOneof("message"):
            case "order":
                self._order(message.order)
            case "stop":
                self._runner.stop(run_key_from_wire(message.stop.run), message.stop.reason)
            case "clear":
                if self._leftovers is not None:
                    self._leftovers.clear_soon()
            case "question":
                self._question(message.question)
            case "ack":
                self._outbox.acknowledged(run_key_from_wire(message.ack.run))
            case _:
                return

    def _order(self, message: link_pb.SignedOrder) -> None:
        try:
            order = self._gate.admit(message)
        except FleettraceError as error:
            self._say(f"an order was refused: {error}")
            if isinstance(error, Refused) and error.rule == "order.replayed":
                return  # what it repeats has been answered, or nobody waits for it any more
            try:
                run, kind = named_run(message)
            except Malformed:
                return
            if run.host == self._host:
                self._runner.refuse(run, kind, str(error))
        else:
            self._runner.start(order)

    def _question(self, message: inspection_pb.Question) -> None:
        try:
            question = question_from_wire(message)
        except Malformed as error:
            # Answered all the same: nobody should wait for what never comes.
            unanswered = Answer(message.question_id, 0, 0, Unanswered(str(error)))
            self._outbox.answer(answer_to_wire(unanswered))
            return
        if self._ask is not None:
            self._ask(question)
