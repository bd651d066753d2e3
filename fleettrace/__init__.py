"""What the controller and the agents agree on: model, snapshots, tools, wire. No sockets, no SQL."""

__version__ = "0.1.0"
