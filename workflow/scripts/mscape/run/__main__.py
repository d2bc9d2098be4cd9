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

SHORT = ("--configfile", "--configfiles", "--profile", "--workflow-profile")


def given_files(arguments: list[str]) -> list[Path]:
    """List the config files and profiles that a command line of Snakemake names, and the one in the folder."""
    files = [Path("config/config.yaml"), Path("profiles/default/config.yaml")]
    taking = False
    for word in arguments:
        option, mark, value = word.partition("=")
        if word.startswith("-"):
            taking = any(name.startswith(option) for name in SHORT) and len(option) > 4
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
            continue
        keys = program_keys(file)
        if keys:
            msg = f"{file} is a program, not a config: {', '.join(keys)} would run code. Take these keys out of it."
            raise UserError(msg)


def main(arguments: list[str]) -> None:
    """Check the config files, then become Snakemake."""
    try:
        refuse_programs(given_files(arguments))
    except UserError as error:
        sys.stderr.write(f"mscape: {error}\n")
        sys.exit(1)
    if not {"-s", "--snakefile"} & {word.partition("=")[0] for word in arguments}:
        arguments = ["--snakefile", str(paths.HOME / "Snakefile"), *arguments]
    os.execv(sys.executable, [sys.executable, "-m", "snakemake", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
