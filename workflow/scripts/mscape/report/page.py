"""Fill the templates: one self-contained HTML file, with a policy that lets it load nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import tomllib
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from mscape.data import yaml_file
from mscape.report import reason_words
from mscape.report.charts import colours
from mscape.report.numbers import interval_text, number, percent, value_text

if TYPE_CHECKING:
    from collections.abc import Sequence

from mscape.paths import TEMPLATES


class Absent(jinja2.StrictUndefined):
    """A name that is not there: false in a test, an error when printed."""

    def __bool__(self) -> bool:
        return False


def environment() -> jinja2.Environment:
    """Templates with everything escaped; printing an undefined name is an error."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=Absent,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {"percent": percent, "number": number, "value": value_text, "interval": interval_text, "slug": slug}
    env.globals |= {"ramp": colours.RAMP, "diverging": colours.DIVERGING, "verdict_colours": colours.VERDICT}
    return env


def slug(text: object) -> str:
    """Make a safe HTML id of any text."""
    text = str(text)
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in text)[:60]
    return safe if safe == text else f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def lot_anchor(lot_id: object) -> str:
    """Name the place of a lot's passport; the name does not change with the sheet's order."""
    return f"lot-{slug(lot_id)}"


def style() -> Markup:
    """All style sheets as one text."""
    return Markup("\n".join(path.read_text(encoding="utf-8") for path in sorted((TEMPLATES / "css").glob("*.css"))))


def script(*names: str) -> Markup:
    """Join the script's parts into one strict function; all parts when no name is given."""
    parts = sorted((TEMPLATES / "js").glob("*.js"))
    chosen = [p for p in parts if not names or p.name in names]
    text = "\n".join(path.read_text(encoding="utf-8") for path in chosen)
    return Markup(f'(() => {{\n"use strict";\n{text}\n}})();')


def policy(scripts: Sequence[str]) -> str:
    """Content security policy: only these scripts run, nothing is loaded or sent.

    Inline styles are allowed because charts carry presentation; images may come from the page itself, for PNG export.
    """
    digests = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def to_json(value: object) -> Markup:
    """JSON that is safe inside a script element: no < can close it, and no line separator breaks it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def version() -> str:
    """Version of the workflow, as pyproject.toml states it."""
    project = TEMPLATES.parents[1] / "pyproject.toml"
    return tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"] if project.is_file() else ""


def glossary() -> dict[str, dict]:
    """Definitions behind the question marks; that of the gate's reasons is made of the reasons."""
    reason = {"title": "Gate reason", "text": reason_words.definition()}
    return yaml_file.read(TEMPLATES / "glossary.yaml") | {"isct_reason": reason}


def citations() -> dict[str, str]:
    """Works that the methods paragraph cites."""
    return yaml_file.read(TEMPLATES / "citations.yaml")


def render(template: str, *, scripts: Sequence[str] = (), **context: object) -> str:
    """Fill a template of ``workflow/report``.

    Parameters
    ----------
    template
        File name.
    scripts
        Parts of the script to include; all parts if empty.
    context
        Names for the template.
    """
    code = script(*scripts)
    page = environment().get_template(template)
    return page.render(style=style(), script=code, policy=policy([str(code)]), **context)
