"""Flame graphs: stacks as a tree with a value for each host, the fleet and the typical host. One form, one module."""
