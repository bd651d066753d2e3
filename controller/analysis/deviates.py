"""Deviates whose spread was estimated, and deviates that are the largest of many, on the scale of a normal one."""

import math

__all__ = ["for_largest", "normal_deviate"]

PER_DOUBLING_Z = 0.4
"""The largest score of twice as many healthy hosts is larger by about so much."""
FEWEST_HOSTS = 8


def normal_deviate(square: float, freedom: float) -> float:
    """The normal deviate (>= 0) that is as improbable as a t deviate, given squared (Wallace 1959)."""
    return math.sqrt(freedom * math.log1p(square / freedom)) * (8 * freedom + 1) / (8 * freedom + 3)


def for_largest(z: float, hosts: int) -> float:
    """What is as improbable for the largest of so many hosts' scores as ``z`` is for the largest of eight."""
    return z + PER_DOUBLING_Z * math.log2(max(hosts, FEWEST_HOSTS) / FEWEST_HOSTS)
