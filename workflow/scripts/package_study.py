"""Put a study into one zip to send: an RO-Crate that opens offline, the report first."""

import zipfile
from pathlib import Path

from mscape.export import ro_crate
from mscape.report import page
from mscape.run import step

STAMP = (1980, 1, 1, 0, 0, 0)  # the same files give the same zip
PACKED = {
    ".html",
    ".json",
    ".tsv",
    ".csv",
    ".yaml",
    ".svg",
    ".txt",
    ".py",
    ".smk",
    ".j2",
    ".css",
    ".js",
    ".md",
    ".toml",
}
README = """{title}

Unpack this file, then open index.html in a browser: no network is needed. Each <dataset>/report.html also opens alone.

index.html                all datasets and lots
<dataset>/report.html     the report; passports of the lots are pages in it, made to be printed
<dataset>/passports.json  the passports for programs
<dataset>/tables/         every table as CSV and Parquet, and the cells
<dataset>/figures/        figures as SVG and PDF
<dataset>/config.yaml     the settings with all defaults; run.json holds digests, versions, seed, run id
ro-crate-metadata.json    the same for machines (RO-Crate, Workflow Run Crate): what ran, on what, what came out
source/                   the workflow that ran; sbom.cdx.json lists the packages it ran with (CycloneDX)

Intended use: research. Transcript-level concordance with the ISCT phenotype; RNA is not flow cytometry.
{simulated}"""


def write_zip(path: Path, root: Path, files: list[Path], texts: dict[str, str]) -> None:
    """Write files, by their place under `root`, and texts; what compresses is compressed.

    Parameters
    ----------
    path
        The zip.
    root
        Folder that becomes the top of the zip.
    files
        Files under `root`.
    texts
        Content by name.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in texts.items():
            archive.writestr(_entry(name), text)
        for file in sorted(files):
            with file.open("rb") as source, archive.open(_entry(file.relative_to(root).as_posix()), "w") as target:
                while block := source.read(1 << 22):
                    target.write(block)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, STAMP)
    entry.compress_type = zipfile.ZIP_DEFLATED if Path(name).suffix in PACKED else zipfile.ZIP_STORED
    entry.external_attr = 0o644 << 16
    return entry


def main(input, output, params):
    """Describe the deliverables of the study and pack them."""
    root = Path(output.zip).parent
    files, document = ro_crate.describe_study(
        root,
        [*input.results, input.source, input.software],
        input.runs,
        title=params.title,
        licence=params.licence,
        version=page.version(),
    )
    names = ", ".join(params.simulated)
    note = f"SIMULATED DATA: {names}. Nothing there describes a real product.\n" if names else ""
    texts = {
        ro_crate.METADATA: ro_crate.dump(document),
        "README.txt": README.format(title=params.title, simulated=note),
    }
    write_zip(Path(output.zip), root, files, texts)


if "snakemake" in globals():
    step.run(main, snakemake)
