"""How colours look to people with a colour blindness, and how far two of them then are apart."""

import math
from collections.abc import Iterable
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["Vision", "apart", "least_apart"]

Vector = NDArray[np.float64]


class Vision(StrEnum):
    """Of most people, and of those who lack one kind of cones."""

    USUAL = "usual"
    PROTANOPIA = "protanopia"
    DEUTERANOPIA = "deuteranopia"
    TRITANOPIA = "tritanopia"


_SEEN: dict[Vision, Vector] = {
    Vision.USUAL: np.eye(3),
    Vision.PROTANOPIA: np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    Vision.DEUTERANOPIA: np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    Vision.TRITANOPIA: np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""Of linear RGB, for a severity of 1: Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of
Color Vision Deficiency, IEEE Transactions on Visualization and Computer Graphics 15 (2009), supplementary tables."""
_XYZ_OF_RGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""IEC 61966-2-1 (sRGB), D65."""
_WHITE = np.array([0.95047, 1.0, 1.08883])


def apart(one: str, other: str, vision: Vision = Vision.USUAL) -> float:
    """The difference of two colours, ``#rrggbb``, as CIEDE2000: 1 is what can just be seen."""
    return ciede2000(_lab(one, vision), _lab(other, vision))


def least_apart(some: Iterable[str], others: Iterable[str]) -> tuple[float, Vision, str, str]:
    """The nearest two, one of each, to whom they are nearest."""
    pairs = [(one, other) for one in some for other in others]
    return min((apart(one, other, vision), vision, one, other) for vision in Vision for one, other in pairs)


def _lab(colour: str, vision: Vision) -> Vector:
    encoded = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(_SEEN[vision] @ linear, 0, 1)
    ratio = _XYZ_OF_RGB @ seen / _WHITE
    x, y, z = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def ciede2000(one: Vector, other: Vector) -> float:
    """Of two colours in CIE L*a*b*: Sharma, Wu and Dalal, Color Research and Application 30 (2005), equations 2-22."""
    mean_chroma = float(np.hypot(*one[1:]) + np.hypot(*other[1:])) / 2
    stretch = 1.5 - 0.5 * _grey_axis(mean_chroma)
    (l1, a1, b1), (l2, a2, b2) = (float(one[0]), float(one[1]), float(one[2])), map(float, other)
    c1, c2 = math.hypot(a1 * stretch, b1), math.hypot(a2 * stretch, b2)
    h1, h2 = math.atan2(b1, a1 * stretch), math.atan2(b2, a2 * stretch)
    turn = (h2 - h1 + math.pi) % (2 * math.pi) - math.pi if c1 * c2 else 0.0
    hue = h1 + turn / 2 if c1 * c2 else h1 + h2
    chroma, from_grey = (c1 + c2) / 2, ((l1 + l2) / 2 - 50) ** 2
    t = (
        1
        - 0.17 * math.cos(hue - math.radians(30))
        + 0.24 * math.cos(2 * hue)
        + 0.32 * math.cos(3 * hue + math.radians(6))
        - 0.20 * math.cos(4 * hue - math.radians(63))
    )
    lightness = (l2 - l1) / (1 + 0.015 * from_grey / math.sqrt(20 + from_grey))
    saturation = (c2 - c1) / (1 + 0.045 * chroma)
    tone = 2 * math.sqrt(c1 * c2) * math.sin(turn / 2) / (1 + 0.015 * chroma * t)
    blue = 30 * math.exp(-(((math.degrees(hue) % 360 - 275) / 25) ** 2))
    rotation = -2 * _grey_axis(chroma) * math.sin(math.radians(2 * blue))
    return math.sqrt(lightness**2 + saturation**2 + tone**2 + rotation * saturation * tone)


def _grey_axis(chroma: float) -> float:
    return math.sqrt(chroma**7 / (chroma**7 + 25**7))
