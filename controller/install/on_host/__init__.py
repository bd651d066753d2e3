"""What root does on a host. This package is sent over SSH and run by the host's own Python.

It therefore uses the standard library and itself alone. :mod:`controller.install.sending` sends it.
"""
