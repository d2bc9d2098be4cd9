"""A study as the rules see it: resolved config, sample sheets, files of samples, targets, memory, threads and time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakemake.exceptions import WorkflowError

from mscape import paths
from mscape.data.schema import load_schema
from mscape.data.tables import STAGE_TABLES, TABLES
from mscape.data.yaml_file import program_keys, repeated_keys
from mscape.errors import UserError
from mscape.io.download.urls import is_remote
from mscape.reference.files import FILES as REFERENCE_FILES
from mscape.run import config, pseudonyms, resources
from mscape.run.input_identity import identify_input, identify_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd
    from snakemake.io import Wildcards

    Setting = Callable[[Wildcards], Any]

MB_PER_SIMULATED_CELL = 0.007  # compressed counts of a cell of the simulator, measured on the demonstration
FILES = ("report.html", "figures", "passports.json", "run.json", "config.yaml")  # of each dataset, beside its tables


@dataclass(frozen=True)
class Study:
    """A resolved study.

    Methods that end in a function of the wildcards are for ``input`` and ``params`` of rules.

    Attributes
    ----------
    config
        The config with all defaults (:func:`mscape.run.config.resolve`).
    sheets
        Sample sheet of each dataset, index = sample id.
    cores
        Of the run; 8 where Snakemake does not say.
    rule_resources
        Measured memory and time of each rule.
    concealed
        Names that stand behind codes, of all datasets with ``report.pseudonyms``.
    """

    config: Mapping[str, Any]
    sheets: Mapping[str, pd.DataFrame]
    cores: int
    rule_resources: Mapping[str, resources.RuleResources]
    concealed: list[str]

    @classmethod
    def load(cls, raw: dict[str, Any], *, file: Path, cores: int | None = None) -> Study:
        """Resolve a config and read the sample sheet of each dataset.

        Parameters
        ----------
        raw
            The config as Snakemake read it.
        file
            The config file; files that it names are relative to it.
        cores
            Of the run.

        Raises
        ------
        snakemake.exceptions.WorkflowError
            With every fault of the config, or of the first faulty sheet, before any job.
        """
        folder = file.parent
        try:
            if keys := program_keys(file):
                msg = f"{file} is a program, not a config: take out {', '.join(keys)}. See SECURITY.md."
                raise UserError(msg)
            if repeated := repeated_keys(file):
                msg = f"{file}: {' '.join(repeated)}"
                raise UserError(msg)
            resolved = config.resolve(raw, load_schema(paths.schema("config.schema.yaml")), folder=folder)
            sheets = {name: _read_sheet(name, one, folder) for name, one in resolved["datasets"].items()}
            concealed = pseudonyms.conceal_study(resolved, sheets, folder)
        except UserError as error:
            raise WorkflowError(str(error)) from None
        return cls(resolved, sheets, cores or 8, resources.read(paths.resource("rule_resources.tsv")), concealed)

    # What the config says ---------------------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        """Give a setting of the whole study, such as its seed."""
        return self.config[key]

    def text(self, key: str) -> Setting:
        """Make a function of the wildcards that gives a text of the config; in a plain string braces are filled in."""
        return lambda wildcards: self.config[key]

    @property
    def datasets(self) -> list[str]:
        """Names of the datasets."""
        return list(self.config["datasets"])

    @property
    def simulated(self) -> list[str]:
        """Names of the simulated datasets."""
        return [name for name, one in self.config["datasets"].items() if "simulate" in one]

    @property
    def gpu(self) -> bool:
        """Whether heavy steps run on a GPU."""
        return bool(self.config["backend"] == "gpu")

    def dataset(self, wildcards: Wildcards) -> dict[str, Any]:
        """Give the dataset's whole resolved config."""
        settings: dict[str, Any] = self.config["datasets"][wildcards.dataset]
        return settings

    def section(self, name: str) -> Setting:
        """Make a function of the wildcards that gives a section of the dataset's config."""
        return lambda wildcards: self.dataset(wildcards)[name]

    def settings_of(self, section: str, *keys: str) -> Setting:
        """Make a function of the wildcards that gives some settings of a section; the others do not rerun the step."""
        return lambda wildcards: {key: self.dataset(wildcards)[section][key] for key in keys}

    def setting(self, key: str) -> Setting:
        """Make a function of the wildcards that gives one setting of the dataset, such as its organism."""
        return lambda wildcards: self.dataset(wildcards).get(key)

    def gene_organism(self, wildcards: Wildcards) -> str:
        """Give the species whose symbols the counts bear: human ones where a table of orthologs has translated them."""
        dataset = self.dataset(wildcards)
        return "human" if "orthologs" in dataset else dataset["organism"]

    def sheet_row(self, wildcards: Wildcards) -> dict[str, Any]:
        """Give the sample's row of the sheet."""
        row: dict[str, Any] = self.sheets[wildcards.dataset].loc[wildcards.sample].to_dict()
        return row

    def sheet_value(self, column: str) -> Setting:
        """Make a function of the wildcards that gives a value of the sample's row, "" where there is no such column."""
        return lambda wildcards: self.sheets[wildcards.dataset].loc[wildcards.sample].get(column, "")

    def sheet_rows(self, wildcards: Wildcards) -> list[dict[str, Any]]:
        """Give all rows of the dataset's sheet."""
        rows: list[dict[str, Any]] = self.sheets[wildcards.dataset].to_dict("records")
        return rows

    def is_simulated(self, wildcards: Wildcards) -> bool:
        """Say whether the dataset's cells are simulated."""
        return wildcards.dataset in self.simulated

    def title(self, wildcards: Wildcards) -> str:
        """Give the study's title, with the dataset's name where there are several."""
        return f"{self.config['title']}: {wildcards.dataset}" if len(self.datasets) > 1 else str(self.config["title"])

    # Files ------------------------------------------------------------------------------------------------------------

    def of_samples(self, pattern: str) -> Setting:
        """Make a function of the wildcards that gives a file of every sample of the dataset."""

        def files(wildcards: Wildcards) -> list[str]:
            # not expand(): braces in a sample's id would be taken for wildcards
            return [
                pattern.replace("{dataset}", wildcards.dataset).replace("{sample}", sample)
                for sample in self.sheets[wildcards.dataset].index
            ]

        return files

    def files_of_setting(self, section: str, key: str) -> Setting:
        """Make a function of the wildcards that gives the files that a setting names, so that their change is seen."""
        return lambda wildcards: self.dataset(wildcards)[section][key]

    def identity_of_setting(self, section: str, key: str) -> Setting:
        """Make a function of the wildcards that gives the identities of the files that a setting names."""
        return lambda wildcards: identify_inputs(map(Path, self.dataset(wildcards)[section][key]))

    def input_identity(self, wildcards: Wildcards) -> list[str]:
        """Give the identities of a sample's counts and of its table of orthologs, of those that a user gave."""
        row, orthologs = self.sheet_row(wildcards), self.dataset(wildcards).get("orthologs")
        made = wildcards.dataset in self.simulated or is_remote(row["path"])  # by a step of the workflow, which is seen
        try:
            return [
                "" if made else identify_input(Path(row["path"])),
                identify_input(Path(orthologs)) if orthologs else "",
            ]
        except (UserError, OSError) as error:
            msg = f"{wildcards.dataset}/{wildcards.sample}: {error}"
            raise WorkflowError(msg) from None

    def names_to_conceal(self, wildcards: Wildcards) -> list[str]:
        """Give the names that no cell and no note of a sample may hold; none without pseudonyms."""
        asked = self.dataset(wildcards)["report"]["pseudonyms"] and not self.is_simulated(wildcards)
        return self.concealed if asked else []

    def orthologs(self, wildcards: Wildcards) -> str | list[str]:
        """Give the dataset's table of orthologs; nothing where none is given."""
        files: str | list[str] = self.dataset(wildcards).get("orthologs", [])
        return files

    def counts_source(self, wildcards: Wildcards) -> str:
        """Say where a sample's counts are: in a simulated or fetched file, or at the path of the sheet.

        Raises
        ------
        snakemake.exceptions.WorkflowError
            If a file of this machine is not there: all such files of the study.
        """
        row = self.sheet_row(wildcards)
        source = fetched_folder(row, wildcards.dataset) or row["path"]
        remote = is_remote(row["path"])
        if wildcards.dataset not in self.simulated and not remote and not Path(source).exists():
            given = {name: sheet for name, sheet in self.sheets.items() if name not in self.simulated}
            raise WorkflowError("\n".join(config.list_missing(given)))
        return source

    def checked_samples(self) -> list[dict[str, Any]]:
        """Give all samples of the study that are not simulated, as check_inputs takes them."""
        return [
            {
                "dataset": name,
                "organism": self.config["datasets"][name]["organism"],
                "orthologs": self.config["datasets"][name].get("orthologs", ""),
                "row": row,
                "fetched": fetched_folder(row, name) if Path(fetched_folder(row, name)).is_dir() else "",
            }
            for name in self.datasets
            if name not in self.simulated
            for row in self.sheets[name].to_dict("records")
        ]

    def label_files(self) -> dict[str, str]:
        """Give the table of a user's own labels of each dataset that has one."""
        given = {name: self.config["datasets"][name].get("annotations", "") for name in self.datasets}
        return {name: str(path) for name, path in given.items() if path}

    def simulated_values(self) -> dict[str, dict[str, float]]:
        """Count the values that are not zero in each lot of each simulated dataset, about a third of its molecules."""
        return {
            name: {lot["sample_id"]: lot["cells"] * lot["umi_median"] / 3 for lot in self._simulated_lots(name)}
            for name in self.simulated
        }

    def gate_of_scope(self, wildcards: Wildcards) -> str | list[str]:
        """Give the gate's calls, where only the MSC are embedded; nothing for all cells."""
        return f"results/{wildcards.dataset}/gate.h5ad" if wildcards.scope == "msc" else []

    def tables(self, wildcards: Wildcards) -> list[str]:
        """List the stage tables of the dataset, all of them: a new one needs no edit of a rule that shows tables."""
        return self._tables_of(wildcards.dataset)

    def annotations_source(self, wildcards: Wildcards) -> str:
        """Give the dataset's table of a user's own labels."""
        return str(self.dataset(wildcards)["annotations"])

    def annotations_identity(self, wildcards: Wildcards) -> str:
        """Give the identity of that table; "" where none is given."""
        file = self.dataset(wildcards).get("annotations")
        return identify_input(Path(file)) if file else ""

    def annotations(self, wildcards: Wildcards) -> str | list[str]:
        """Give the labels of the dataset's cells; nothing where a user gave none."""
        given = "annotations" in self.dataset(wildcards)
        return f"results/{wildcards.dataset}/annotations.h5ad" if given else []

    def cluster_labels(self, wildcards: Wildcards) -> str | list[str]:
        """Give the labels that take the place of clusters; nothing where clusters are looked for."""
        return self.annotations(wildcards) if self.dataset(wildcards)["cluster"]["labels"] is not None else []

    def reference_files(self, wildcards: Wildcards) -> list[str]:
        """List the files of the reference that the dataset's lots are judged against; none without one.

        Raises
        ------
        snakemake.exceptions.WorkflowError
            If the folder lacks one.
        """
        path = self.dataset(wildcards)["reference"]["path"]
        files = [Path(path, name) for name in REFERENCE_FILES] if path else []
        if missing := [file.name for file in files if not file.is_file()]:
            msg = (
                f"{wildcards.dataset}: reference.path is {path}, which lacks {', '.join(missing)}. Give a folder that "
                "`snakemake build_reference` wrote."
            )
            raise WorkflowError(msg)
        return [str(file) for file in files]

    def reference_tables(self, wildcards: Wildcards) -> list[str]:
        """List the tables of lots among those of a reference; none without one."""
        return self._reference_tables(wildcards.dataset)

    def placed(self, wildcards: Wildcards) -> list[str]:
        """List those of them that the passports read: places of lots, z of their signatures."""
        return [path for path in self.reference_tables(wildcards) if "attributes" not in path]

    def certificate(self, wildcards: Wildcards) -> str | list[str]:
        """Give the verdicts of smaller copies of the dataset's lots; nothing where they are not asked for."""
        asked = self.dataset(wildcards)["passport"]["certificate"]
        return f"results/{wildcards.dataset}/certificate.tsv" if asked else []

    def parity(self, wildcards: Wildcards) -> str | list[str]:
        """Give what the comparison with the CPU decided; nothing on the CPU."""
        return f"results/{wildcards.dataset}/parity.json" if self.gpu else []

    def truth(self, wildcards: Wildcards) -> str | list[str]:
        """Give what was found against what was put in; nothing for real cells."""
        return f"results/{wildcards.dataset}/truth.json" if self.is_simulated(wildcards) else []

    def results(self, *, h5ad: bool) -> list[str]:
        """List the study's results; AnnData files go into a package only where the config says so."""
        files = ["results/index.html"]
        for name in self.datasets:
            export = self.config["datasets"][name]["export"]
            files += [f"results/{name}/{file}" for file in FILES] + self._tables_of(name)
            files += [f"results/{name}/truth.json", f"results/{name}/truth.tsv"] if name in self.simulated else []
            files += [f"results/{name}/parity.json"] if self.gpu else []
            files += self.built_references([name]) if self.config["datasets"][name]["reference"]["build"] else []
            if h5ad or export["h5ad"]:
                files += [f"results/{name}/{name}.h5ad"]
                files += [f"results/{name}/{name}.cellxgene.h5ad"] if export["cellxgene"] else []
        return files

    def packed(self) -> list[str]:
        """List the results that are sent; stage tables are sent as guarded CSV and as Parquet."""
        return [path for path in self.results(h5ad=False) if not path.endswith(".tsv")]

    def _tables_of(self, dataset: str) -> list[str]:
        """List the paths of all stage tables of a dataset, with those of a user's own labels and a reference."""
        given = self.config["datasets"][dataset]
        own = ["annotations"] if "annotations" in given else []
        own += ["certificate"] if given["passport"]["certificate"] else []
        named = [TABLES[name].path.format(dataset=dataset) for name in (*STAGE_TABLES, *own)]
        return named + self._reference_tables(dataset)

    def _reference_tables(self, name: str) -> list[str]:
        wanted = self.config["datasets"][name]["reference"]["path"]
        return [table.path.format(dataset=name) for table in TABLES.values() if wanted and table.only == "reference"]

    @staticmethod
    def built_references(datasets: list[str]) -> list[str]:
        """List the files of the references that are built of the lots of datasets."""
        return [f"results/{name}/reference/{file}" for name in datasets for file in REFERENCE_FILES]

    # Memory, threads and time -----------------------------------------------------------------------------------------

    @property
    def memory_mb(self) -> int | None:
        """Memory that the jobs running at the same time may take together, in MB; None for no limit."""
        return round(1000 * self.config["memory_gb"]) if self.config["memory_gb"] else None

    def sample_size(self, wildcards: Wildcards, input: Any) -> float:
        """Size of a sample's counts in MB: of the input, or of the source where the same group is yet to read it."""
        simulated = 0.0
        if self.is_simulated(wildcards):
            lots = self._simulated_lots(wildcards.dataset)
            simulated = next(
                MB_PER_SIMULATED_CELL * lot["cells"] for lot in lots if lot["sample_id"] == wildcards.sample
            )
        return max(resources.size_mb(input), resources.size_mb([self.counts_source(wildcards)]), simulated)

    def memory(self, rule: str, size: Callable[..., float] | None = None) -> Callable[..., int]:
        """Make a function of a job's input and attempt that gives its memory in MB.

        ``size`` gives the MB that the job reads; its input files, if not given.
        """
        asked = self.rule_resources.get(rule, resources.UNMEASURED)

        def mem_mb(wildcards: Wildcards, input: Any, attempt: int) -> int:
            read = (size or _input_size)(wildcards, input)
            needed = asked.memory_mb(read, attempt=attempt)
            return min(needed, self.memory_mb or needed)  # a job that asks for more than there is runs alone

        return mem_mb

    def minutes(self, rule: str, size: Callable[..., float] | None = None) -> Callable[..., int]:
        """Make a function of a job's input and attempt that gives its time limit in minutes."""
        asked = self.rule_resources.get(rule, resources.UNMEASURED)
        return lambda wildcards, input, attempt: asked.minutes((size or _input_size)(wildcards, input), attempt=attempt)

    def heavy_threads(self, rule: str) -> Callable[..., int]:
        """Make a function of a job's input that gives the threads of a heavy step.

        Half of the cores, so that two such steps run at once; all (four at most) where ``memory_gb`` has no place for
        a second one, so that it will run alone.
        """
        needed = self.memory(rule)

        def threads(wildcards: Wildcards, input: Any, attempt: int) -> int:
            alone = self.memory_mb and 2 * needed(wildcards, input, attempt) > self.memory_mb
            return self._threads(self.cores if alone else self.cores // 2)

        return threads

    def embedding_threads(self, wildcards: Wildcards, input: Any, attempt: int) -> int:
        """Give the threads of embed_cells: nothing runs beside the embedding of all cells."""
        if wildcards.scope == "all":
            return self._threads(self.cores)
        return self.heavy_threads("embed_cells")(wildcards, input, attempt)

    @staticmethod
    def _threads(cores: int) -> int:
        return max(1, min(4, cores))

    def _simulated_lots(self, dataset: str) -> list[dict[str, Any]]:
        """Give the lots of a simulated dataset, each with the dataset's settings filled in."""
        settings = self.config["datasets"][dataset]["simulate"]
        return [{**settings, **lot} for lot in settings["lots"]]


def fetched_folder(row: Mapping[str, str], dataset: str) -> str:
    """Name the folder of a sample's downloaded files; "" if its counts are on this machine."""
    return f"data/{dataset}/{row['sample_id']}/fetched" if is_remote(row["path"]) else ""


def _read_sheet(dataset: str, settings: Mapping[str, Any], folder: Path) -> pd.DataFrame:
    """Read the sample sheet of a dataset; a simulated one has its lots for rows."""
    if "simulate" in settings:
        return config.simulated_sheet(settings["simulate"]["lots"], dataset=dataset)
    return config.read_sheet(folder / settings["samples"], schema=load_schema(paths.schema("samples.schema.yaml")))


def _input_size(wildcards: Wildcards, input: Any) -> float:
    return resources.size_mb(input)
