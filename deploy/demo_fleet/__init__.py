"""The demonstration: a fleet on one machine, one of its hosts slow, and a job that finds it.

A host is a cgroup with a small service in it and an agent that is scoped to it. Everything that is started is ended
again by its process id, and the last line says what, if anything, was left behind.
"""
