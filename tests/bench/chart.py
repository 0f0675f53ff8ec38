"""The seconds of each work and system of a run, as a bar chart in SVG."""

from xml.sax.saxutils import escape

ROW, HEAD = 22, 40  # height in pixels of a bar, and of a title with the space above it
LEFT, WIDE, RIGHT = 140, 500, 60  # widths in pixels of the labels, the longest bar and the numbers
STYLE = (
    "text{font:13px sans-serif;fill:#1f2328}.title{font-weight:bold}.bar{fill:#8c959f}.ours{fill:#0969da}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}"
)


def chart(facts: dict, titles: dict[str, str]) -> str:
    """An SVG of the medians in `facts`, the JSON of a run, by work and system; `titles` are by work."""
    taken = {key: used["seconds"] for key, used in facts["medians"].items() if key.count("/") == 1}
    longest, works = max(taken.values()), dict.fromkeys(key.split("/")[0] for key in taken)
    said = f"Seconds for {facts['size'] / 1e9:g} GB, medians (rounds: {facts['rounds']}); less is better"
    drawn, top = [f'<text x="0" y="16">{said}</text>'], 16
    for work in works:
        title = escape(f"{work}: {titles[work]}")
        drawn.append(f'<text class="title" x="0" y="{top + 30}">{title}</text>')
        top += HEAD
        for key, seconds in taken.items():
            if key.startswith(f"{work}/"):
                drawn += _bar(key.partition("/")[2], seconds, top, WIDE * seconds / longest)
                top += ROW
    size = f'width="{LEFT + WIDE + RIGHT}" height="{top + 8}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{STYLE}</style>'
    return "\n".join([head, *drawn, "</svg>\n"])


def _bar(system: str, seconds: float, top: int, width: float) -> list[str]:
    kind = "ours" if system == "make" else "bar"
    return [
        f'<text x="20" y="{top + 15}">{escape(system)}</text>',
        f'<rect class="{kind}" x="{LEFT}" y="{top + 2}" width="{width:.1f}" height="{ROW - 4}"/>',
        f'<text x="{LEFT + width + 8:.1f}" y="{top + 15}">{seconds:.1f}</text>',
    ]
