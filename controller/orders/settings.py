"""What the operator says about orders when a controller is started."""

from dataclasses import dataclass
from pathlib import Path

from controller.orders.approval_folder import ApprovalFolder
from controller.orders.key_file import OrderKey, open_order_key, read_order_key

__all__ = ["OrderSettings", "Ordering"]


@dataclass(frozen=True, slots=True)
class OrderSettings:
    """``key``: the file of the signing key; None: beside the database. ``epoch``: the least that is taken."""

    key: Path | None = None
    approvals: Path | None = None
    epoch: int = 1

    def read(self, db: Path) -> "Ordering":
        """Read what is there; nothing is made yet.

        Raises:
            BadInput: a file or the folder cannot be used.
        """
        path = self.key or db.with_name(f"{db.name}.order-key")
        key = read_order_key(path) if path.exists() else None
        return Ordering(path, key, ApprovalFolder(self.approvals) if self.approvals else None, self.epoch)


@dataclass(frozen=True, slots=True)
class Ordering:
    """What was read; a key that is not there is made when it is first needed."""

    path: Path
    key: OrderKey | None
    approvals: ApprovalFolder | None
    epoch: int

    def open_key(self) -> OrderKey:
        """The key; raises :class:`BadInput` when one cannot be made."""
        return self.key or open_order_key(self.path)
