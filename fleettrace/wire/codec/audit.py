"""Pages of the audit log."""

from fleettrace.errors import Malformed
from fleettrace.model.audit import AuditHead, AuditPage, AuditRecord, is_hash
from fleettrace.wire.codec.fields import parse_number
from fleettrace.wire.v1 import control_pb2 as control

__all__ = ["audit_page_from_wire", "audit_page_to_wire"]


def audit_page_to_wire(page: AuditPage) -> control.ListAuditResponse:
    """Encode a page."""
    return control.ListAuditResponse(
        records=[control.AuditRecord(number=one.number, body=one.body, hash=one.hash) for one in page.records],
        head=control.AuditHead(number=page.head.number, hash=page.head.hash),
        next=page.next,
    )


def audit_page_from_wire(message: control.ListAuditResponse) -> AuditPage:
    """Parse a page; whether its entries are true is for the chain to say."""
    return AuditPage(
        tuple(
            AuditRecord(parse_number(one.number, "number of an entry"), one.body, _hash(one.hash))
            for one in message.records
        ),
        AuditHead(parse_number(message.head.number, "number of the newest entry"), _hash(message.head.hash)),
        parse_number(message.next, "number of an entry"),
    )


def _hash(text: str) -> str:
    if not is_hash(text):
        raise Malformed("a hash of the audit log has 64 hexadecimal digits")
    return text
