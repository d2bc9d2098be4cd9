"""Read YAML by the compiled parser of PyYAML where there is one: the same result, eight times faster."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # both are safe


def read(path: str | Path) -> Any:
    """Read a file.

    Raises
    ------
    OSError
        If it cannot be opened.
    UnicodeDecodeError
        If it is not text.
    yaml.YAMLError
        If it is not YAML.
    """
    return yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_LOADER)


def repeated_keys(path: Path) -> list[str]:
    """Name the keys that a YAML file gives twice in one mapping; of these the last silently replaces the others.

    Parameters
    ----------
    path
        A file that was read without a fault.

    Returns
    -------
    One sentence a key, with its line.
    """
    found: list[str] = []

    def walk(node: yaml.Node | None) -> None:
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                name = str(getattr(key, "value", ""))
                if name in seen:
                    found.append(f"line {key.start_mark.line + 1}: the key {name!r} is given a second time; keep one.")
                seen.add(name)
                walk(value)
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                walk(item)

    walk(yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER))
    return found


def not_finite(value: object, where: str = "") -> list[str]:
    """Name the numbers that are none (``.nan``, ``.inf``): a threshold of NaN would let everything pass."""
    if isinstance(value, dict):
        return [fault for key, item in value.items() for fault in not_finite(item, f"{where}.{key}".lstrip("."))]
    if isinstance(value, list):
        return [fault for number, item in enumerate(value) for fault in not_finite(item, f"{where}[{number}]")]
    if isinstance(value, float) and not math.isfinite(value):
        return [f"{where}: {value}; expected a finite number."]
    if isinstance(value, int) and abs(value) >= 2**63:
        return [f"{where}: {str(value)[:30]}; expected a smaller number."]
    return []


def read_given(path: Path) -> tuple[Any, list[str]]:
    """Read a file that a user gives, such as one of panels or signatures.

    Returns
    -------
    The content, and what is wrong with it: no file, no YAML, keys given twice, numbers that are none.
    """
    try:
        content = read(path)
        return content, [*repeated_keys(path), *not_finite(content)]
    except FileNotFoundError:
        return None, ["there is no such file."]
    except RecursionError:
        return None, ["brackets stand in brackets without end."]
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        return None, [f"not readable as YAML ({' '.join(str(error).split())})."]


def program_keys(path: Path) -> list[str]:
    """Name the keys of a file by which YTE, the template language of Snakemake's config files, would run code.

    The file is parsed and never executed; nothing is named where it is no YAML.
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return []
    keys = [str(key.value) for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
    return [key for key in keys if key.startswith("__")]
