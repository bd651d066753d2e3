"""What tests must find with each tool, as ``checks.toml`` in its own folder says: a new folder is tested as it is.

A file says of which work a tool must count what (``[known]``), which other programs measure the same, where they attach
and what they say elsewhere (``[[reference]]``), with which parameters a tool sees something of everyday work
(``[any_work]``), and over which its cost is measured (``[[cost]]``).
"""
