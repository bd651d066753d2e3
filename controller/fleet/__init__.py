"""The hosts as the controller sees them, and the streams to those that are connected."""

from controller.fleet.registry import Connection, Fleet

__all__ = ["Connection", "Fleet"]
