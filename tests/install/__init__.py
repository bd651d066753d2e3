"""Installation on real hosts: each a network namespace with its own files, processes and OpenSSH server."""
