"""Download the files of one sample, verify them, and put them into a folder once all of them are whole."""

import logging
import os
import shutil
from pathlib import Path

from mscape.errors import UserError
from mscape.io.download import urls
from mscape.io.download.fetch import fetch
from mscape.io.download.transfer import Patience
from mscape.io.formats.detect import identify, open_binary, refuse
from mscape.run import step

logger = logging.getLogger("mscape")

REFUSED = {"html", "json", "xlsx", "xls", "pdf"}  # what servers send in place of data, or what is no count matrix


def check_whole(path: Path) -> None:
    """Read a download to its end, so that no digest of half a file is ever recorded.

    Raises
    ------
    mscape.errors.UserError
        If it is damaged, empty, or a web page in place of data.
    """
    kind = identify(path)
    if kind in REFUSED:
        raise refuse(path, kind)
    with open_binary(path) as file:
        while file.read(1 << 20):
            pass


def link(source: Path, target: Path) -> None:
    """Give a downloaded file a second name; copy it where the file system has no links."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def download_sample(
    row: dict,
    folder: Path,
    *,
    cache: Path,
    lock: Path,
    geo: str = urls.GEO,
    patience: Patience | None = None,
) -> None:
    """Download the files of one sample into a folder.

    Parameters
    ----------
    row
        Of the sheet: ``path``, one address or several with ``;`` between, and ``sha256`` of a single file.
    folder
        Made when all files are whole.
    cache
        Folder of all downloads: samples that share an archive fetch it once.
    lock
        Table of digests.
    geo
        Server of GEO files.
    patience
        How often and how long to try.

    Raises
    ------
    mscape.errors.UserError
        If a file cannot be had or is not what was expected.
    """
    given = urls.split_paths(str(row["path"]))
    sha256 = str(row.get("sha256", "") or "")
    sha256 = "" if sha256 == "unknown" else sha256
    if sha256 and len(given) > 1:
        msg = f"one sha256 is given for {len(given)} files. Leave it empty: digests are kept in {lock}."
        raise UserError(msg)
    files = []
    for address in given:
        url = urls.resolve(address, geo=geo)
        place = cache / urls.place_of(url)
        found = fetch(url, place, sha256=sha256, lock=lock, patience=patience, check=check_whole)
        logger.info("%s: sha256 %s", urls.shown(url), found)
        files.append(place)
    folder.mkdir(parents=True, exist_ok=True)
    for place in files:
        link(place, folder / place.name)


def main(input, output, params):
    """Write the folder of one sample; ``params``: ``row`` of the sheet, ``cache`` and ``lock``."""
    download_sample(params.row, Path(str(output.folder)), cache=Path(params.cache), lock=Path(params.lock))


if "snakemake" in globals():
    step.run(main, snakemake)
