"""Step 6: each start of a controller."""

from sqlite_utils import Database

__all__ = ["apply"]


def apply(db: Database, /) -> None:
    """Make the table of epochs."""
    db.create_table(
        "epochs",
        {"epoch": int, "controller_id": str, "started_at_ms": int},
        pk="epoch",
        not_null={"controller_id", "started_at_ms"},
        strict=True,
    )
