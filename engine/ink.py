"""Tells a digit's ink from its paper, whatever their colours and the light.

Paper is what most of the picture's edge shows, and light changes smoothly over it; ink is what
differs from it. So dark on light, light on dark and red on green are all the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.reading import BOX

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

LEAST_CONTRAST = 10.0
"""Grey levels, of 255, between the faintest ink and its paper."""
NOISE = 5.0
"""Standard deviations of the paper's noise that ink differs from it."""
SURE, FAINT = 0.5, 0.25
"""Parts of the full ink: what has the first is ink, what has the second is if it touches that."""
SOFT_EDGE = 0.25
"""Part of the full ink from which a stroke's soft edge counts for the size of the digit."""
DUST = 1 / 60
"""Of the picture's longer side: nothing smaller is a digit."""
SPECK, BESIDE = 0.03, 0.25
"""A digit may be in parts, as a 5 and its bar: at least so much of the largest one's area, and at
most so much of its longer side away."""
IN_SIGHT = 0.2
"""Of the picture's shorter side: if something so large lies free, then what the edge cuts off is
no digit."""
LEVELS = 32
"""Strengths of ink that are told apart in what the edge cuts off."""
ANY_NEIGHBOUR = np.ones((3, 3))
THINNEST, THICKEST = 2.2, 5.0
"""Widths of a stroke in a box of 20 pixels: those of nine in ten of MNIST's digits."""
FRAME = 0.9
"""The edge of a picture begins so far from its middle."""
PLANE = 3
"""Of the surfaces below the first ones, which are flat and so not easily bent by a table."""
SHADES = 130.0
"""Between the colours of one paper in uneven light, and less than between ink and paper."""
SAMPLES = 96
"""Pixels a side that paper is measured on."""


def ink_of(picture: NDArray[np.uint8]) -> Floats | None:
    """The digit in a picture, cut out; None where there is no ink.

    Args:
        picture: uint8 [H, W, 3].

    Returns:
        float64 [h, w] from 0, paper, to 1, full ink, with strokes as wide as MNIST's would be.
    """
    strength, least = _strength(picture.astype(np.float64))
    lying_free = _without_what_reaches_in(strength, least)
    digit, full = _digit(lying_free, least)
    if digit.any() and max(digit[_place(digit)].shape) >= IN_SIGHT * min(digit.shape):
        strength = lying_free
    else:
        digit, full = _digit(strength, least)
    if not digit.any():
        return None
    where = _place(digit)
    side = max(digit[where].shape)
    growth = _growth(digit[where], side)
    edge = side / BOX
    margin = int(np.ceil(max(edge, growth))) + 1
    strength, digit = (_cut(each, where, margin) for each in (strength, digit))
    outside = ndimage.distance_transform_edt(~digit)
    ink = np.clip((strength - least) / max(full - least, 1.0), 0, 1) * (outside <= edge + 1)
    if growth:
        inside = ndimage.distance_transform_edt(digit)
        # Distances are to the next pixel's middle, half a pixel from the stroke's edge.
        drawn = np.clip(np.where(digit, inside, 1 - outside) + growth, 0, 1)
        ink = np.maximum(ink, drawn) if growth > 0 else np.minimum(ink, drawn)
    rows, columns = (np.flatnonzero((ink > SOFT_EDGE).any(axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if rows.size else None


def _strength(picture: Floats) -> tuple[Floats, float]:
    """How far each pixel is from paper towards the ink's colour, in grey levels, [H, W]; and how
    far the faintest ink is.
    """
    difference = picture - _paper(picture)
    distance = np.sqrt((difference**2).sum(2))
    # Cubed, so that the little of strong ink outweighs the much of faint noise.
    towards_ink = np.tensordot(distance**3, difference, ([0, 1], [0, 1]))
    length = float(np.linalg.norm(towards_ink))
    strength = difference @ (towards_ink / max(length, 1e-9)) / np.sqrt(3)
    # Three in ten of a normal distribution are within 0.385 standard deviations; the median would
    # hold more of what else is at the edge.
    noise = float(np.quantile(np.abs(strength[_frame(strength.shape)]), 0.3)) / 0.385
    return strength, max(LEAST_CONTRAST, NOISE * noise)


def _paper(picture: Floats) -> Floats:
    """The picture without what is on the paper, [H, W, 3]: a smooth surface, at first as flat as
    the edge's median, then nearer and nearer to what resembles it.
    """
    height, width, _ = picture.shape
    rows, columns = (slice(None, None, -(-side // SAMPLES)) for side in (height, width))
    samples = picture[rows, columns]
    paper = np.median(samples[_frame(samples.shape[:2])], axis=0)
    samples = samples.reshape(-1, 3)
    surface = _surfaces(height, width)[rows, columns].reshape(len(samples), -1)
    fit = np.vstack([paper, np.zeros((surface.shape[1] - 1, 3))])
    near = SHADES
    for terms in (PLANE,) * 8 + (surface.shape[1],) * 8:
        away = np.linalg.norm(samples - surface @ fit, axis=1)
        if not (away < near).any():
            break
        weights = np.maximum(0, 1 - (away / near) ** 2) ** 2
        fit[:terms] = _fitted(surface[:, :terms], samples, weights)
        near = min(near, 6 * max(float(np.median(away[away < near])), 3.0))
    return _surfaces(height, width) @ fit


def _surfaces(height: int, width: int) -> Floats:
    """The surfaces that light on paper is mixed of, [H, W, 6]: all up to the second degree."""
    y = np.linspace(-1, 1, height)[:, None]
    x = np.linspace(-1, 1, width)[None, :]
    return np.stack(np.broadcast_arrays(1.0, x, y, x * y, x * x, y * y), axis=-1)


def _fitted(surface: Floats, samples: Floats, weights: Floats) -> Floats:
    """The mixture, [K, 3], of surfaces [N, K] nearest to samples [N, 3]."""
    weighted = surface * weights[:, None]
    # As flat as the samples allow: a picture of one row says nothing on the others.
    flat = np.diag([1e-9] + [1e-4] * (surface.shape[1] - 1)) * max(float(weights.sum()), 1e-9)
    return np.asarray(np.linalg.solve(weighted.T @ surface + flat, weighted.T @ samples), float)


def _frame(shape: tuple[int, ...]) -> Mask:
    """The pixels at a picture's edge."""
    y, x = (np.abs(np.linspace(-1, 1, side)) if side > 1 else np.ones(1) for side in shape)
    return np.maximum(y[:, None], x[None, :]) > FRAME


def _without_what_reaches_in(strength: Floats, least: float) -> Floats:
    """Ink without the table, the shadow or the ruled lines that come in from the picture's edge.

    They are taken away as strong as they come in, so that a digit remains where a line crosses it.
    """
    levels, step = np.linspace(least, max(float(strength.max()), least), LEVELS, retstep=True)
    reached = np.zeros_like(strength)
    for level in levels:
        parts, count = ndimage.label(strength > level, ANY_NEIGHBOUR)
        at_edge = np.zeros(count + 1, bool)
        for rim in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
            at_edge[rim] = True
        at_edge[0] = False
        if not at_edge.any():
            break
        reached[at_edge[parts]] = level + step
    return np.maximum(strength - reached, 0)


def _digit(strength: Floats, least: float) -> tuple[Mask, float]:
    """Where the digit is, [H, W]: the largest part that holds ink for sure, and those beside it;
    and how strong its full ink is.
    """
    nothing = np.zeros(strength.shape, bool), least
    some = strength[strength > least]
    if not some.size:
        return nothing
    full = float(np.percentile(some, 90))
    parts, count = ndimage.label(strength > max(least, FAINT * full), ANY_NEIGHBOUR)
    inked = ndimage.maximum(strength, parts, np.arange(count + 1)) > SURE * full
    inked[0] = False  # the paper
    areas = np.bincount(parts.ravel(), minlength=count + 1)
    places = [(slice(0), slice(0)), *ndimage.find_objects(parts)]
    starts = np.array([[place.start or 0 for place in each] for each in places])
    stops = np.array([[place.stop for place in each] for each in places])
    sides = (stops - starts).max(axis=1)
    large = inked & (sides >= max(3.0, DUST * max(strength.shape)))
    if not large.any():
        return nothing
    main = int(np.argmax(areas * large))
    gaps = np.maximum(starts - stops[main], starts[main] - stops).max(axis=1)
    beside = (gaps <= BESIDE * sides[main]) & (areas >= SPECK * areas[main])
    return (inked & beside)[parts], full


def _place(digit: Mask) -> tuple[slice, ...]:
    """The rows and columns that it takes."""
    where: tuple[slice, ...] = ndimage.find_objects(digit.astype(np.uint8))[0]
    return where


def _cut(values: NDArray[Any], where: tuple[slice, ...], margin: int) -> NDArray[Any]:
    """A part with so much around it; zeros beyond the edge."""
    y, x = where
    return np.pad(values, margin)[y.start : y.stop + 2 * margin, x.start : x.stop + 2 * margin]


def _growth(digit: Mask, side: int) -> float:
    """Pixels to move the edge of its strokes outwards, for strokes as wide as MNIST's."""
    across = np.pad(digit, 1)
    crossings = np.count_nonzero(np.diff(across, axis=0)) + np.count_nonzero(np.diff(across))
    # A stroke's area is half its outline times its width; lines of pixels cross an outline in all
    # directions 4/pi times as often as it is long (Crofton).
    width = 2 * np.count_nonzero(digit) / (crossings * np.pi / 4)
    in_box = width * BOX / side
    if THINNEST <= in_box <= THICKEST:
        return 0.0
    wanted = THINNEST if in_box < THINNEST else THICKEST
    # The digit itself, which is to fill the box, grows with its strokes.
    return (wanted * side - width * BOX) / (2 * (BOX - wanted))
