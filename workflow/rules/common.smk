# The resolved config, the sample sheets, and what rules share. No rule is here.
import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

RULES = Path(str(workflow.current_basedir))
SCRIPTS = RULES.parent / "scripts"
SCHEMAS = RULES.parent / "schemas"
CONFIG_FILE = Path((workflow.overwrite_configfiles or workflow.configfiles)[-1]).absolute()

# Relative, so that a repository that is moved together with its results keeps them.
MARKERS = os.path.relpath(RULES.parent.parent / "resources" / "markers.yaml")
GENES = os.path.relpath(RULES.parent.parent / "resources" / "genes.tsv")
DEMAND_FILE = os.path.relpath(RULES.parent.parent / "resources" / "demand.tsv")
TEMPLATES = sorted(os.path.relpath(path) for path in (RULES.parent / "report").rglob("*.*") if path.suffix != ".rst")
ONTOLOGY = os.path.relpath(RULES.parent.parent / "resources" / "ontology_terms.tsv")
GENE_IDS = os.path.relpath(RULES.parent.parent / "resources" / "ensembl_genes.tsv.gz")
SECONDS = RULES.parent.parent / "resources" / "step_seconds.tsv"
REPOSITORY = os.path.relpath(RULES.parent.parent)
TABLES = [
    *("accounting", "gate", "contaminants", "hidden_mixture", "stability", "resolutions", "heterogeneity", "paga"),
    *("composition", "markers", "surface", "enrichment", "lot_enrichment", "contrasts", "confounders", "signatures"),
    *("signature_genes", "score_summary", "programme_summary", "cluster_names", "cluster_programmes", "cluster_scores"),
    "enrichment_genes",
]
STEPS = sorted(path.stem for path in SCRIPTS.glob("*.py"))
sys.path.append(str(SCRIPTS))
# Jobs inherit it. Memory that a thread frees goes back to its process instead of staying with the thread: a tenth less.
os.environ.setdefault("MALLOC_ARENA_MAX", "1")

from mscape import config as study
from mscape import demand, progress
from mscape.sources import digest_sources
from mscape.step import UserError


def load_study() -> tuple[dict, dict]:
    """Resolve the config and read the sample sheet of each dataset; a fault stops the run before any job."""
    try:
        schema = study.load_schema(SCHEMAS / "config.schema.yaml")
        resolved = study.resolve(dict(config), schema, folder=CONFIG_FILE.parent)
        return resolved, {name: load_sheet(name, one) for name, one in resolved["datasets"].items()}
    except UserError as error:
        raise WorkflowError(str(error)) from None


def load_sheet(dataset: str, settings: dict):
    """The sample sheet of a dataset; a simulated one has its lots for rows."""
    if "simulate" in settings:
        return study.simulated_sheet(settings["simulate"]["lots"], dataset=dataset)
    schema = study.load_schema(SCHEMAS / "samples.schema.yaml")
    return study.read_sheet(CONFIG_FILE.parent / settings["samples"], schema=schema)


def check_writable() -> None:
    """Stop where no results can be written, before Snakemake tries to."""
    closed = [name for name in (".", "results", "logs", "data") if Path(name).exists() and not os.access(name, os.W_OK)]
    if closed:
        where = Path(closed[0]).absolute()
        raise WorkflowError(f"{where} cannot be written to. Give a folder that can: --directory <where results go>.")


check_writable()
STUDY, SHEETS = load_study()
THREADS = max(1, min(4, (workflow.cores or 8) // 2))  # of a heavy step; half the cores, so that two of them run at once
ALONE = max(1, min(4, workflow.cores or 4))  # of a step for which all others of its dataset wait
DATASETS = list(STUDY["datasets"])
GPU = STUDY["backend"] == "gpu"
CARDS = int(GPU)  # of each heavy job
HEAVY_ENV = f"../../envs/{STUDY['backend']}.yaml"
SIMULATED = [name for name, one in STUDY["datasets"].items() if "simulate" in one]


wildcard_constraints:
    dataset="|".join(map(re.escape, DATASETS)),
    sample=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    scope="all|msc",


# One line on the terminal per step; the hooks of the Snakefile say the first and the last.
PROGRESS = progress.Progress(STEPS, progress.read_typical(SECONDS))
progress.watch(PROGRESS, dry_run=lambda: workflow.dryrun)


# Values for params ---------------------------------------------------------------------------------------------------


def section(name: str):
    """Function of the wildcards that gives a section of the dataset's resolved config."""

    def settings(wildcards):
        return STUDY["datasets"][wildcards.dataset][name]

    return settings


def of_dataset(key: str):
    """Function of the wildcards that gives one setting of the dataset, such as its organism."""

    def setting(wildcards):
        return STUDY["datasets"][wildcards.dataset].get(key)

    return setting


def names_of_genes(wildcards) -> str:
    """Species whose gene symbols the counts bear: human ones where a table of orthologs has translated them."""
    dataset = STUDY["datasets"][wildcards.dataset]
    return "human" if "orthologs" in dataset else dataset["organism"]


def sheet_row(wildcards) -> dict:
    """The sample's row of the sheet."""
    return SHEETS[wildcards.dataset].loc[wildcards.sample].to_dict()


def sheet_value(column: str):
    """Function of the wildcards that gives one value of the sample's row, "" where the sheet has no such column."""

    def value(wildcards) -> str:
        return SHEETS[wildcards.dataset].loc[wildcards.sample].get(column, "")

    return value


def sheet_rows(wildcards) -> list[dict]:
    """All rows of the dataset's sheet."""
    return SHEETS[wildcards.dataset].to_dict("records")


def is_simulated(wildcards) -> bool:
    """Whether the dataset's cells are simulated."""
    return wildcards.dataset in SIMULATED


def resolved_dataset(wildcards) -> dict:
    """The dataset's whole resolved config."""
    return STUDY["datasets"][wildcards.dataset]


def title_of_dataset(wildcards) -> str:
    """Title of the study, with the dataset's name where there are several."""
    return STUDY["title"] + (f": {wildcards.dataset}" if len(DATASETS) > 1 else "")


def code(step: str) -> str:
    """Digest of a step's script and of the local modules that it imports: the step reruns when one of them changes."""
    return digest_sources(SCRIPTS / f"{step}.py")


# Inputs --------------------------------------------------------------------------------------------------------------


def of_samples(pattern: str):
    """Function of the wildcards that gives a file of every sample of the dataset."""

    def files(wildcards):
        return expand(pattern, dataset=wildcards.dataset, sample=SHEETS[wildcards.dataset].index)

    return files


def of_setting(name: str, key: str):
    """Function of the wildcards that gives the files that a setting names, so that a change of them is noticed."""

    def files(wildcards):
        return STUDY["datasets"][wildcards.dataset][name][key]

    return files


def orthologs_of(wildcards):
    """The dataset's table of orthologs; nothing where none is given."""
    return STUDY["datasets"][wildcards.dataset].get("orthologs", [])


def fetched_folder(row: dict, dataset: str) -> str:
    """Folder of a sample's downloaded files; "" if its counts are on this machine."""
    return f"data/{dataset}/{row['sample_id']}/fetched" if study.is_remote(row["path"]) else ""


def counts_source(wildcards) -> str:
    """Where a sample's counts are: in a simulated or fetched file, or at the path of the sheet."""
    row = sheet_row(wildcards)
    source = fetched_folder(row, wildcards.dataset) or row["path"]
    if wildcards.dataset not in SIMULATED and not study.is_remote(row["path"]) and not Path(source).exists():
        given = {name: sheet for name, sheet in SHEETS.items() if name not in SIMULATED}
        raise WorkflowError("\n".join(study.list_missing(given)))
    return source


def checked_samples() -> list[dict]:
    """All samples of the study that are not simulated, as check_inputs takes them."""
    return [
        {
            "dataset": name,
            "organism": STUDY["datasets"][name]["organism"],
            "orthologs": STUDY["datasets"][name].get("orthologs", ""),
            "row": row,
            "fetched": fetched_folder(row, name) if Path(fetched_folder(row, name)).is_dir() else "",
        }
        for name in DATASETS
        if name not in SIMULATED
        for row in SHEETS[name].to_dict("records")
    ]


def simulated_values() -> dict[str, dict[str, float]]:
    """Counts that are not zero in each lot of each simulated dataset, about a third of its molecules."""
    return {
        name: {
            lot["sample_id"]: one["cells"] * one["umi_median"] / 3
            for lot in settings["lots"]
            for one in [{**settings, **lot}]
        }
        for name in SIMULATED
        for settings in [STUDY["datasets"][name]["simulate"]]
    }


def gate_of_scope(wildcards):
    """The gate's calls, where only the MSC are embedded; nothing for all cells."""
    return f"results/{wildcards.dataset}/gate.h5ad" if wildcards.scope == "msc" else []


def usable_backend(wildcards):
    """The record of the card, without which nothing begins, and whose date means nothing; nothing on the CPU."""
    return ancient("results/backend.json") if GPU else []


def checked_parity(wildcards):
    """What the comparison with the CPU decided; nothing on the CPU."""
    return f"results/{wildcards.dataset}/parity.json" if GPU else []


def truth_of(wildcards):
    """What was found against what was put in; nothing for real cells."""
    return f"results/{wildcards.dataset}/truth.json" if is_simulated(wildcards) else []


def tables_of(dataset: str) -> list[str]:
    """Paths of all stage tables of a dataset."""
    return [f"results/{dataset}/{table}.tsv" for table in TABLES]


def results_of_study(*, h5ad: bool) -> list[str]:
    """Paths of what the study hands on; the AnnData files go into a package only where the config says so."""
    paths = ["results/index.html"]
    for name in DATASETS:
        export = STUDY["datasets"][name]["export"]
        paths += [
            f"results/{name}/{file}" for file in ("report.html", "figures", "passports.json", "run.json", "config.yaml")
        ]
        paths += tables_of(name)
        paths += [f"results/{name}/truth.json", f"results/{name}/truth.tsv"] if name in SIMULATED else []
        paths += [f"results/{name}/parity.json"] if GPU else []
        if h5ad or export["h5ad"]:
            paths += [f"results/{name}/{name}.h5ad"]
            paths += [f"results/{name}/{name}.cellxgene.h5ad"] if export["cellxgene"] else []
    return paths


# Memory and time -----------------------------------------------------------------------------------------------------

DEMAND = demand.read(DEMAND_FILE)
MEMORY_MB = round(1000 * STUDY["memory_gb"]) if STUDY["memory_gb"] else None
if MEMORY_MB:  # as --resources mem_mb=...: jobs run side by side only as far as they fit
    workflow.register_resource("mem_mb", MEMORY_MB)


def input_size(wildcards, input) -> float:
    """MB of a job's input files that are there."""
    return demand.size_mb(input)


def sample_size(wildcards, input) -> float:
    """MB of a sample's counts: of the input, or of the source where the same group is yet to read it."""
    return max(demand.size_mb(input), demand.size_mb([counts_source(wildcards)]), simulated_size(wildcards))


def simulated_size(wildcards) -> float:
    """MB of the counts of a simulated lot, about 7 kB a cell; 0 for a real sample."""
    if not is_simulated(wildcards):
        return 0
    settings = STUDY["datasets"][wildcards.dataset]["simulate"]
    lot = next(lot for lot in settings["lots"] if lot["sample_id"] == wildcards.sample)
    return 0.007 * lot.get("cells", settings["cells"])


def memory(step: str, size=input_size):
    """Function of a job's input and attempt that gives its memory in MB."""

    def mem_mb(wildcards, input, attempt) -> int:
        asked = DEMAND.get(step, demand.UNMEASURED).memory_mb(size(wildcards, input), attempt=attempt)
        return min(asked, MEMORY_MB or asked)  # a job that asks for more than there is runs alone

    return mem_mb


def heavy_threads(step: str):
    """Function of a job's input that gives a heavy step's threads: half of the cores, or all where it will run alone.

    It does where memory_gb has no place for a second one like it.
    """
    needed = memory(step)

    def threads(wildcards, input, attempt) -> int:
        return ALONE if MEMORY_MB and 2 * needed(wildcards, input, attempt) > MEMORY_MB else THREADS

    return threads


def embedding_threads(wildcards, input, attempt) -> int:
    """Threads of embed_cells: nothing runs beside the embedding of all cells."""
    return ALONE if wildcards.scope == "all" else heavy_threads("embed_cells")(wildcards, input, attempt)


def minutes(step: str, size=input_size):
    """Function of a job's input and attempt that gives its time limit in minutes."""

    def runtime(wildcards, input, attempt) -> int:
        return DEMAND.get(step, demand.UNMEASURED).minutes(size(wildcards, input), attempt=attempt)

    return runtime
