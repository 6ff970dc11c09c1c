"""A plot as an SVG: lines over logarithmic axes, in colours that both a light and a dark page show."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 20, 60
COLOURS = ("#c2410c", "#2563eb", "#15803d", "#a21caf")
GREY = "#888888"
LEAST = 0.1  # what is less is drawn there

Points = Sequence[tuple[float, float]]
Axis = tuple[int, int]  # powers of ten at its ends
Place = Callable[[float, float], tuple[float, float]]


def log_log(x_title: str, y_title: str, lines: Mapping[str, Points], limit: tuple[float, str]) -> str:
    """Return an SVG with a line through the points of each name, and one at the height `limit`.

    Every second line is dashed and has the colour of the one before.
    """
    x_axis = _axis(x for line in lines.values() for x, _ in line)
    y_axis = _axis([limit[0], *(y for line in lines.values() for _, y in line)])

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = _share(x, x_axis), _share(y, y_axis)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = list(_grid(x_axis, y_axis, place))
    parts += _line(GREY, limit[1], [(10.0 ** x_axis[0], limit[0]), (10.0 ** x_axis[1], limit[0])], place, "2 4")
    for number, (name, points) in enumerate(lines.items()):
        parts += _line(COLOURS[number // 2 % len(COLOURS)], name, points, place, "6 4" if number % 2 else "")
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x_title, "middle"))
    parts.append(f'<g transform="rotate(-90 18 {middle})">{_text(18, middle, y_title, "middle")}</g>')
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {box}>', *parts, "</svg>"]) + "\n"


def _axis(values: Iterable[float]) -> Axis:
    logs = [math.log10(max(value, LEAST)) for value in values]
    return math.floor(min(logs)), math.ceil(max(logs))


def _share(value: float, axis: Axis) -> float:
    """Return where on the axis the value stands, 0 to 1."""
    return (math.log10(max(value, LEAST)) - axis[0]) / max(axis[1] - axis[0], 1)


def _grid(x_axis: Axis, y_axis: Axis, place: Place) -> Iterator[str]:
    for power in range(x_axis[0], x_axis[1] + 1):
        (x, bottom), (_, top) = place(10.0**power, 10.0 ** y_axis[0]), place(10.0**power, 10.0 ** y_axis[1])
        yield f'<path d="M{x:.1f} {bottom:.1f}V{top:.1f}" stroke="{GREY}" stroke-opacity=".3"/>'
        yield _text(x, bottom + 18, f"{10.0**power:,g}" if power < 4 else f"{10**power:,}", "middle")
    for power in range(y_axis[0], y_axis[1] + 1):
        (left, y), (right, _) = place(10.0 ** x_axis[0], 10.0**power), place(10.0 ** x_axis[1], 10.0**power)
        yield f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" stroke="{GREY}" stroke-opacity=".3"/>'
        yield _text(left - 8, y + 4, f"{10.0**power:,g}", "end")


def _line(colour: str, name: str, points: Points, place: Place, dashes: str) -> Iterator[str]:
    placed = [place(x, y) for x, y in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'
    yield _text(placed[-1][0] + 8, placed[-1][1] + 4, name, "start", colour)


def _text(x: float, y: float, text: str, anchor: str, colour: str = GREY) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
