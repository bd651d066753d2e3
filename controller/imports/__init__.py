"""Results of other tools, read from what they print: folded stacks, histograms of BCC, libbpf-tools and bpftrace."""

from controller.imports.text import MAX_IMPORT_BYTES, Expected, TextFormat, parse_import

__all__ = ["MAX_IMPORT_BYTES", "Expected", "TextFormat", "parse_import"]
