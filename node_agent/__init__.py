"""The agent on a host: runs bounded traces in short-lived children."""
