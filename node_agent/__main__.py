"""The program ``fleettrace-agent``, also as ``python -m node_agent``."""

from fleettrace.loading import interrupted_quietly

with interrupted_quietly():
    from node_agent.app import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
