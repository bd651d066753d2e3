"""Results for other programs: a format, a module. docs/exports.md says what each holds and what it leaves out."""

from controller.report.export.formats import FORMATS, Format, encode

__all__ = ["FORMATS", "Format", "encode"]
