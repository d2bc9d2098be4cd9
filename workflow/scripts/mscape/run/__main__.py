"""Run the workflow with a config file of somebody else: the file is read as data, and refused if it is a program.

``python -m mscape.run --configfile study.yaml --cores 8`` takes the options of Snakemake. Snakemake itself executes
what stands in a config file with ``__use_yte__`` as soon as it reads it, also with ``--dry-run``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mscape import paths
from mscape.data.yaml_file import program_keys
from mscape.errors import UserError

CONFIGS = ("--configfile", "--configfiles")
PROFILES = ("--profile", "--workflow-profile")
DEFAULTS = (Path("config/config.yaml"), Path("profiles/default/config.yaml"))


def given_files(arguments: list[str], options: tuple[str, ...] = (*CONFIGS, *PROFILES)) -> list[Path]:
    """List the defaults in the folder, and the files that options of Snakemake's command line name."""
    files = list(DEFAULTS)
    taking = False
    for word in arguments:
        option, mark, value = word.partition("=")
        if word.startswith("-"):
            taking = any(name.startswith(option) for name in options) and len(option) > 4
            files += [Path(value)] if taking and mark else []
            taking = taking and not mark
        elif taking:
            files.append(Path(word))
    return [file / "config.yaml" if file.is_dir() else file for file in files]


def refuse_programs(files: list[Path]) -> None:
    """Stop if one of the files is a program.

    Raises
    ------
    mscape.errors.UserError
        With the file and the keys that make it one.
    """
    for file in files:
        if not file.is_file():
            continue  # the default of a folder, or a profile that Snakemake ships
        keys = program_keys(file)
        if keys:
            msg = f"{file} is a program, not a config: {', '.join(keys)} would run code. Take these keys out of it."
            raise UserError(msg)


def refuse_missing(arguments: list[str]) -> None:
    """Stop if a config file is not there; a target behind ``--configfile`` is taken for one.

    Raises
    ------
    mscape.errors.UserError
        With all that are missing, and how the command is written.
    """
    missing = [str(file) for file in given_files(arguments, CONFIGS)[len(DEFAULTS) :] if not file.is_file()]
    if missing:
        msg = (
            f"there is no config file {', '.join(missing)}. Correct the path; a target stands before the options: "
            "check --configfile study.yaml."
        )
        raise UserError(msg)


def main(arguments: list[str]) -> None:
    """Check the config files, then become Snakemake."""
    try:
        refuse_missing(arguments)
        refuse_programs(given_files(arguments))
    except UserError as error:
        sys.stderr.write(f"mscape: {error}\n")
        sys.exit(1)
    if not {"-s", "--snakefile"} & {word.partition("=")[0] for word in arguments}:
        arguments = ["--snakefile", str(paths.HOME / "Snakefile"), *arguments]
    os.execv(sys.executable, [sys.executable, "-m", "snakemake", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
