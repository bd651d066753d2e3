"""The catalogue on a stock Debian kernel, in a virtual machine that this suite builds, keeps and restores."""
