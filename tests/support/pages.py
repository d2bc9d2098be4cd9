"""Read pages as a person would."""

import re


def text_of(html):
    """Visible text, roughly: no scripts, no styles, no tags."""
    html = re.sub(r"<(script|style).*?</\1>", " ", html, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
