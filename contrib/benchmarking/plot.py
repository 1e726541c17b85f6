"""Line plots as SVG."""

from dataclasses import dataclass
from html import escape

COLOURS = {"Coffer": "#0b6e4f", "Coffer, key open": "#6fbf9f", "Borg": "#b5651d", "restic": "#3a5ba0"}
WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 34, 40


@dataclass(frozen=True)
class Panel:
    """One plot: lines over the days, which count from one."""

    title: str
    unit: str
    lines: dict[str, list[float]]


def draw(title, panels):
    """Returns an SVG image of panels side by side under a title, with a key."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH * len(panels)} {HEIGHT + 60}" '
        f'font-family="sans-serif" font-size="12" role="img" aria-label="{escape(title)}">',
        '<rect width="100%" height="100%" fill="white"/>',
        _text(LEFT, 22, title, weight="bold", size=15),
    ]
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({number * WIDTH} 30)">{_panel(panel)}</g>')
    for number, name in enumerate(panels[0].lines):
        x, y = LEFT + number * 140, HEIGHT + 46
        parts.append(_line(x, x + 20, y - 4, COLOURS[name], 3))
        parts.append(_text(x + 26, y, name))
    return "\n".join([*parts, "</svg>\n"])


def _panel(panel):
    days = max(len(line) for line in panel.lines.values())
    step = _step(max(value for line in panel.lines.values() for value in line))
    top = step * (max(value for line in panel.lines.values() for value in line) // step + 1)

    def x(day):
        return LEFT + (WIDTH - LEFT - RIGHT) * (day - 1) / max(days - 1, 1)

    def y(value):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top

    parts = [_text(LEFT, TOP - 12, f"{panel.title} ({panel.unit})")]
    for number in range(round(top / step) + 1):
        value = number * step
        parts.append(_line(LEFT, WIDTH - RIGHT, y(value), "#dddddd", 1))
        parts.append(_text(LEFT - 6, y(value) + 4, f"{value:g}", anchor="end"))
    for day in range(1, days + 1):
        parts.append(_text(x(day), HEIGHT - BOTTOM + 18, str(day), anchor="middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, "day", anchor="middle"))
    for name, line in panel.lines.items():
        points = " ".join(f"{x(day):.1f},{y(value):.1f}" for day, value in enumerate(line, 1))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>')
        parts += [f'<circle cx="{x(day):.1f}" cy="{y(value):.1f}" r="3" fill="{COLOURS[name]}"/>'
                  for day, value in enumerate(line, 1)]
    return "\n".join(parts)


def _step(largest):
    """Returns the distance of grid lines, a round number, of which four to eight fit below the largest value."""
    step = 1e-6
    while True:
        for factor in (1, 2, 5):
            if largest / (step * factor) <= 8:
                return step * factor
        step *= 10


def _line(start, end, y, colour, width):
    return f'<line x1="{start}" y1="{y:.1f}" x2="{end}" y2="{y:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def _text(x, y, text, anchor="start", weight="normal", size=12):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" font-size="{size}">'
            f"{escape(text)}</text>")
