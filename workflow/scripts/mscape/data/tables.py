"""The stage tables: file, step, and the name, type and meaning of each column. Nothing else knows them.

To add a table: an entry of `TABLES` here, an output of the rule, and one call of
:func:`mscape.data.table_io.write_table` in its script. The report, the export, the package of the study and
``docs/reference/outputs.md`` follow. To add a column: one `Column` here, and the value in the frame that is written.
"""

from __future__ import annotations

from dataclasses import dataclass

DTYPES = ("str", "int", "float", "bool")
OF_STUDY = {"check", "diff", "track", "meta"}  # targets whose tables are of a whole study, not of one dataset


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name
        As in the file.
    dtype
        One of `DTYPES`. Text is never missing: "" where there is none. Numbers and flags may be missing.
    what
        Its meaning, one sentence.
    """

    name: str
    dtype: str
    what: str


@dataclass(frozen=True)
class Table:
    """A table that a step writes.

    Attributes
    ----------
    name
        Key of the table, and name of its file without the suffix.
    step
        Rule and script that write it.
    what
        What a row is, one sentence.
    columns
        In the order of the file.
    further
        Where columns depend on the data: what each column beside `columns` is; they stand before the last of these.
    only
        "" for a table of every dataset, else for which runs there is one: ``simulated``, ``annotated``, ``gpu``,
        ``reference``, or the target that makes it.
    """

    name: str
    step: str
    what: str
    columns: tuple[Column, ...]
    further: Column | None = None
    only: str = ""

    @property
    def file(self) -> str:
        """Name of the file, below ``results/{dataset}/``."""
        return f"{self.name}.tsv"

    @property
    def path(self) -> str:
        """Path of the file, with wildcards; some are of the whole study."""
        return f"results/{self.file}" if self.only in OF_STUDY else f"results/{{dataset}}/{self.file}"

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]


LOT = Column("lot_id", "str", "The lot, as named in the sample sheet.")
CLUSTER = Column("cluster", "str", "The sub-population, a number by size from 0, or the user's label.")
SIGNATURE = Column("signature", "str", "Id of the signature.")
GENE = Column("gene", "str", "The gene, as the dataset names it.")
N_CELLS = Column("n_cells", "int", "Cells that the row rests on.")
LOW = Column("low", "float", "Lower end of the 95 % interval.")
HIGH = Column("high", "float", "Upper end of the 95 % interval.")
FRACTION = Column("fraction", "float", "Fraction of the lot's cells, 0 to 1.")
PVALUE = Column("pvalue", "float", "p-value of the row.")
PVALUE_ADJ = Column("pvalue_adj", "float", "p-value adjusted by Benjamini and Hochberg.")
TERM = Column("term", "str", "Id of the gene set.")

CHECKED = (
    Column("dataset", "str", "The dataset."),
    Column("sample", "str", "The sample, or the samples of a pair."),
    Column("level", "str", "`error`, `warning` or `note`."),
    Column("check", "str", "What was examined."),
    Column("found", "str", "What was found."),
    Column("expected", "str", "What was expected."),
    Column("next_step", "str", "What to do about it."),
)

INPUT = (
    Table(
        "inputs",
        "review_inputs",
        "One row a sample: what was read of it.",
        (
            Column("sample_id", "str", "The library, as named in the sample sheet."),
            Column("file", "str", "Last two parts of the path that was read."),
            Column("format", "str", "Format of the file."),
            Column("maker", "str", "Program that made it, or `not known`."),
            Column("matrix", "str", "Matrix that was taken of several."),
            Column("why", "str", "Why that one."),
            Column("cells", "int", "Barcodes that were read."),
            Column("genes", "int", "Genes that were read."),
            Column("counts", "int", "Sum of all counts."),
            Column("named_by", "str", "What the genes are named by."),
            Column("rewritten", "str", "Names that were rewritten, or `nothing`."),
            Column("left_out", "str", "Features that were left out, and remarks, or `nothing`."),
            Column("species", "str", "Species by the gene names."),
        ),
    ),
    Table(
        "findings",
        "review_inputs",
        "One row a finding in what was read of the samples.",
        CHECKED,
    ),
)

QUALITY = (
    Table(
        "accounting",
        "merge_samples",
        "One row a sample: each loaded cell is kept or counted under the first reason that removed it.",
        (
            Column("sample_id", "str", "The library, as named in the sample sheet."),
            LOT,
            Column("loaded", "int", "Cells that were read."),
            Column("pass", "int", "Cells that passed quality control."),
        ),
        further=Column("<reason>", "int", "Cells removed for this reason; with those that pass they add up to loaded."),
    ),
)

GATING = (
    Table(
        "gate",
        "gate_msc",
        "One row a lot and criterion of the panel, one for the whole phenotype, one for cells that no panel explains.",
        (
            LOT,
            Column("criterion", "str", "The marker or group of markers; `phenotype` for the whole phenotype."),
            Column("kind", "str", "`positive`, `negative`, `overall` or `unexplained`."),
            Column("estimate", "float", "Fraction of cells with the marker; overall, of callable cells that pass."),
            LOW,
            HIGH,
            Column("verdict", "str", "`meets`, `fails`, `inconclusive` or `not_assessable`."),
            Column("n_cells", "int", "Cells of the lot."),
            Column(
                "n_judged",
                "int",
                "Cells that the estimate is of: those with the marker measured; overall, those that could be called.",
            ),
            Column("decided_by", "str", "Overall, the criterion that decided, or `phenotype`: the share itself."),
            Column("detected_fraction", "float", "Fraction of cells with a count of a gene of the criterion."),
            Column("reason", "str", "Reason code of the gate; empty where the criterion is met without reserve."),
            Column("genes", "str", "Genes of the criterion, separated by semicolons."),
            Column("threshold_cpm", "str", "Threshold of each gene, counts per million, in the order of `genes`."),
            Column("gene_rate_cpm", "str", "Rate of each gene over the lot, counts per million."),
            Column("min_detectable_fraction", "float", "Smallest fraction of positive cells that could be seen."),
            Column("resolved_fraction", "float", "Fraction of cells that are on one side of the threshold."),
            Column(
                "ambient_fraction", "float", "Estimated fraction of counts that are ambient RNA, mean over the cells."
            ),
            Column("median_counts", "float", "Median counts of a cell of the lot."),
            Column(
                "max_hidden_fraction",
                "float",
                "Largest fraction of cells that could lack the marker (have a negative one) at the same counts.",
            ),
            Column("n_cells_needed", "float", "Cells at this depth that would settle an open criterion."),
            Column("median_counts_needed", "float", "Median counts that would settle it with as many cells."),
        ),
    ),
    Table(
        "certificate",
        "certify_lots",
        "One row a lot with a settled phenotype and size of copies of it: how many have the lot's verdict.",
        (
            LOT,
            Column("verdict", "str", "Verdict of the lot's phenotype, as in gate.tsv: `meets` or `fails`."),
            Column("n_cells", "int", "Cells of a copy."),
            Column("median_counts", "float", "Median counts of a cell of the lot times the share that is kept."),
            Column("repeats", "int", "Copies of this size."),
            Column("kept", "int", "Copies with the verdict of the lot."),
            Column("held", "bool", "Whether all copies of this size and of each larger one have it."),
            Column("meets", "int", "Copies that meet the phenotype."),
            Column("inconclusive", "int", "Copies that are inconclusive."),
            Column("fails", "int", "Copies that fail."),
            Column("not_assessable", "int", "Copies that cannot be assessed."),
        ),
        only="certified",
    ),
    Table(
        "flow_agreement",
        "gate_msc",
        "One row a lot and marker with flow cytometry in the sample sheet: its share of cells by RNA beside it.",
        (
            LOT,
            Column("donor_id", "str", "The donor, as named in the sample sheet."),
            Column("criterion", "str", "The marker."),
            Column("flow", "float", "Fraction of positive cells by flow cytometry, as the sheet says."),
            Column("estimate", "float", "Fraction of cells with RNA of the marker above its threshold."),
            LOW,
            HIGH,
            Column("difference", "float", "Estimate by RNA minus flow cytometry."),
            Column("threshold_cpm", "str", "Threshold of the gene that was used, counts per million."),
            Column(
                "basis", "str", "What the threshold rests on: `flow cytometry of N lots`, `control samples` or `panel`."
            ),
            Column(
                "used", "bool", "Whether the threshold was set from this lot: its RNA and flow are not independent."
            ),
            Column("reason", "str", "Why the flow cytometry of the lots does not set the threshold; empty if it does."),
        ),
    ),
    Table(
        "contaminants",
        "gate_msc",
        "One row a lot, identity other than MSC, and call.",
        (
            LOT,
            Column("identity", "str", "The lineage that the cells' genes support, `stromal` or `unresolved`."),
            N_CELLS,
            FRACTION,
            LOW,
            HIGH,
            Column("call", "str", "The gate's call of these cells; stromal types may pass."),
        ),
    ),
    Table(
        "hidden_mixture",
        "gate_msc",
        "One row a lot, cluster and positive marker: the test for a subset without the marker.",
        (
            LOT,
            CLUSTER,
            GENE,
            N_CELLS,
            Column("mean_count", "float", "Mean count of the gene per cell."),
            Column("hidden_fraction", "float", "Estimated fraction of cells without the marker."),
            Column("lr", "float", "Twice the log likelihood ratio of two populations against one."),
            Column("pvalue", "float", "One-sided p-value of the likelihood ratio."),
            Column("finding", "str", "`hidden_mixture`, `none` or `not_assessable`."),
            Column("reason", "str", "Reason code, or why the test could not be made."),
        ),
    ),
)

CLUSTERING = (
    Table(
        "stability",
        "cluster_cells",
        "One row a sub-population.",
        (
            CLUSTER,
            N_CELLS,
            Column(
                "jaccard", "float", "Mean Jaccard overlap with its best match in resamples; missing for own labels."
            ),
            Column("stable", "bool", "Whether that overlap reaches cluster.min_jaccard; missing for own labels."),
            Column("n_lots", "int", "Lots with cells in it."),
            Column("largest_lot_fraction", "float", "Fraction of its cells from the lot with most of them."),
            Column("doublet_fraction", "float", "Fraction of its cells that are predicted doublets."),
            Column("reason", "str", "What should keep a reader from taking it for a sub-population; empty if nothing."),
        ),
    ),
    Table(
        "resolutions",
        "cluster_cells",
        "One row a resolution that was tried.",
        (
            Column("resolution", "float", "Resolution of the Leiden algorithm."),
            Column("n_communities", "int", "Communities that Leiden found."),
            Column("n_clusters", "int", "Clusters left after those not separated by a gap were merged."),
            Column("n_resamples", "int", "Subsamples that were clustered again."),
            Column("ari_mean", "float", "Mean adjusted Rand index between clusterings of subsamples."),
            Column("ari_low", "float", "Its 5 % quantile."),
            Column("ari_high", "float", "Its 95 % quantile."),
            Column("chosen", "bool", "Whether the clusters are those of this resolution."),
        ),
    ),
    Table(
        "heterogeneity",
        "cluster_cells",
        "One row a lot and index, and rows of all lots.",
        (
            Column("lot_id", "str", "The lot; `all` for the dataset."),
            Column("index", "str", "`entropy` of the sub-populations in bits, `spread`, or `explained_by_<factor>`."),
            Column("value", "float", "The index; of `explained_by_<factor>` an adjusted share of variance."),
            LOW,
            HIGH,
            N_CELLS,
        ),
    ),
    Table(
        "paga",
        "cluster_cells",
        "One row a pair of sub-populations.",
        (
            Column("cluster_a", "str", "One sub-population."),
            Column("cluster_b", "str", "The other one."),
            Column("connectivity", "float", "Edges of the neighbour graph between them, relative to chance (PAGA)."),
            Column("path", "bool", "Whether there is a path between them."),
        ),
    ),
    Table(
        "markers",
        "rank_markers",
        "One row a sub-population and gene.",
        (
            CLUSTER,
            GENE,
            Column("rank", "int", "Rank of the gene in the sub-population, 1 first."),
            Column("statistic", "float", "z of the rank-sum test against all other clustered cells."),
            Column("log2_fold_change", "float", "log2 of mean expression inside over outside."),
            PVALUE,
            PVALUE_ADJ,
            Column("fraction_in", "float", "Fraction of cells with a count inside."),
            Column("fraction_out", "float", "Fraction of cells with a count outside."),
            Column("surface", "bool", "Whether its protein is listed as a surface protein."),
            Column("n_donors", "int", "Donors with cells inside and outside."),
            Column("n_donors_up", "int", "Donors in which the gene is higher inside."),
            Column("protein", "str", "Name of the surface protein."),
        ),
    ),
    Table(
        "surface",
        "rank_markers",
        "One row a sub-population and surface protein to sort it by.",
        (
            CLUSTER,
            Column("sign", "str", "`positive` or `negative`."),
            GENE,
            Column("protein", "str", "Name of the protein."),
            Column("evidence", "str", "How it is known to be at the surface: `CD`, `surface` or `membrane`."),
            Column("log2_fold_change", "float", "log2 of mean expression inside over outside."),
            PVALUE_ADJ,
            Column("fraction_in", "float", "Fraction of cells with a count inside."),
            Column("fraction_out", "float", "Fraction of cells with a count outside."),
            Column("contrast", "float", "Difference of both fractions."),
        ),
    ),
)

SCORING = (
    Table(
        "signatures",
        "score_signatures",
        "One row a signature or variant of it, scored or not.",
        (
            Column("id", "str", "Id of the signature."),
            Column("name", "str", "Its name."),
            Column("axis", "str", "What it is about, such as `senescence`."),
            Column("direction", "str", "`up` or `down`: the direction that its axis gives a high score."),
            Column("use", "str", "`score`, or another use for which it is reported gene by gene."),
            Column("evidence", "str", "A: the list is read from its source; B: members named there; C: curated here."),
            Column("source", "str", "Publication or database."),
            Column("doi", "str", "DOI of the source."),
            Column("licence", "str", "Licence of the list."),
            Column("n_genes", "int", "Genes of the list."),
            Column("n_found", "int", "Genes of the list that every sample's feature table has."),
            Column("coverage", "float", "n_found over n_genes."),
            Column("used", "bool", "Whether it was scored."),
            Column("reason", "str", "Why it was not scored."),
            Column("lost", "str", "Genes that were not found, each with the reason."),
            Column("genes", "str", "Genes that were found, separated by semicolons."),
            Column("depth_rho", "float", "Rank correlation of the score with depth, within lots."),
            Column("depth_rho_rank", "float", "The same for the rank-based score."),
            Column("depth_rho_scanpy", "float", "The same for scanpy's score."),
            Column("depth_adjusted", "bool", "Whether z was adjusted for depth."),
            Column("depth_rho_after", "float", "Rank correlation of z with depth after the adjustment."),
            Column("agreement_rank", "float", "Rank correlation with the rank-based score."),
            Column("agreement_scanpy", "float", "Rank correlation with scanpy's score."),
        ),
    ),
    Table(
        "signature_scores",
        "score_signatures",
        "One row a lot and signature.",
        (
            LOT,
            SIGNATURE,
            N_CELLS,
            Column("mean", "float", "Mean score of the cells: log expression minus that of control genes."),
            Column("median", "float", "Median score of the cells."),
            Column("low", "float", "Lower end of the 95 % interval of the mean, over cells of the lot."),
            Column("high", "float", "Upper end of it."),
            Column("z", "float", "The lot's departure from the lots' average, in units of random gene sets."),
            Column("z_low", "float", "Lower end of its 95 % interval."),
            Column("z_high", "float", "Upper end of it."),
            Column("pvalue", "float", "Fraction of random gene sets whose z departs as far."),
            Column("z_cells", "float", "Mean over the cells of each cell's z against random gene sets."),
            Column("z_cells_low", "float", "Lower end of its 95 % interval."),
            Column("z_cells_high", "float", "Upper end of it."),
            Column("z_cells_adjusted", "float", "z_cells if all lots had the same confounders."),
            Column("cells", "str", "Which cells represent the lot: `MSC`, `not failing` or `all`."),
        ),
    ),
    Table(
        "priming",
        "score_signatures",
        "One row a lot whose priming the sample sheet states: whether the genes that it is expected to raise are up.",
        (
            LOT,
            Column("stated", "str", "The priming, as the sample sheet says."),
            Column("answer", "str", "`yes`, `partly`, `no`, `undecided`, or `control` of a lot with `none`."),
            Column("controls", "int", "Lots with `none` that it is compared with."),
            Column("relative_to", "str", "Whether these are of the same `donor`, or all of the `study`."),
            Column("expected", "int", "Genes that the priming is expected to raise (`resources/priming_genes.tsv`)."),
            Column("measurable", "int", "How many of them the depth of the lots allows to judge."),
            Column("moved", "int", "How many of these are up."),
            Column("genes", "str", "Those that are up, separated by semicolons."),
            Column(
                "effect", "float", "Mean log2 ratio of the measurable genes, minus that of genes of like expression."
            ),
            LOW,
            HIGH,
            Column("pvalue", "float", "One-sided p of the effect, with the spread of genes and of the control lots."),
            Column("reason", "str", "Why it is undecided; empty if it can."),
        ),
    ),
    Table(
        "signature_genes",
        "score_signatures",
        "One row a lot and gene of the sets that are never averaged.",
        (
            LOT,
            SIGNATURE,
            GENE,
            N_CELLS,
            Column("count", "int", "Counts of the gene in these cells."),
            Column("cpm", "float", "Counts per million."),
            Column("low", "float", "Lower end of the exact Poisson 95 % interval of cpm."),
            Column("high", "float", "Upper end of it; a bound for a gene never seen."),
            Column("detected_fraction", "float", "Fraction of cells with a count."),
        ),
    ),
    Table(
        "lot_states",
        "score_signatures",
        "One row a lot: what its signatures say together.",
        (
            LOT,
            N_CELLS,
            Column("cells", "str", "Which cells represent the lot: `MSC`, `not failing` or `all`."),
            Column("fraction_cycling", "float", "Fraction of cycling cells, corrected for the errors of the call."),
            Column("fraction_cycling_low", "float", "Lower end of its interval."),
            Column("fraction_cycling_high", "float", "Upper end of it."),
            Column("senescence", "str", "Consensus of the senescence signatures; empty if none could be scored."),
            Column("senescence_scorers", "str", "Signatures that are raised, separated by semicolons."),
            Column("senescence_assessed", "int", "Senescence signatures that could be scored."),
            Column("immune_profile", "str", "Immunoregulatory profile of the RNA."),
            Column("lineage_bias", "str", "Lineages whose early genes are raised, or `none`."),
        ),
    ),
    Table(
        "confounders",
        "score_signatures",
        "One row a signature and confounder.",
        (
            SIGNATURE,
            Column("confounder", "str", "Depth, cell cycle, dissociation stress, mitochondrial share, passage ..."),
            Column("rho", "float", "Spearman correlation within lots; of passage between lots."),
            Column("rho_low", "float", "Lower end of its 95 % interval."),
            Column("rho_high", "float", "Upper end of it."),
            Column("rho_partial", "float", "Linear correlation given all other confounders."),
            Column("slope", "float", "Change of z for one standard deviation of the confounder, all fitted together."),
            N_CELLS,
            Column("r2", "float", "Share of the score's variance within lots that all confounders explain together."),
            Column("n_lots", "int", "Lots that the row rests on; of passage only."),
        ),
    ),
    Table(
        "enrichment",
        "enrich_clusters",
        "One row a sub-population or contrast, method and gene set.",
        (
            Column("scope", "str", "`cluster` or `contrast`."),
            Column("cluster", "str", "The sub-population, or the contrast."),
            Column("method", "str", "`prerank` (GSEA of a ranking) or `ora` (over-representation)."),
            TERM,
            Column("es", "float", "Enrichment score of prerank."),
            Column("nes", "float", "Enrichment score over the mean of random sets of the same size."),
            PVALUE,
            Column("fdr", "float", "p-value adjusted by Benjamini and Hochberg over the sets."),
            Column("genes", "str", "Leading genes, or genes in both lists, separated by semicolons."),
            Column("n_leading", "int", "Number of leading genes."),
            Column("n_genes", "int", "Genes of the set among those ranked or measured."),
            Column("n_list", "int", "Genes ranked or chosen."),
            Column("overlap", "str", "Of ora: genes in both lists, over those of the set."),
            Column("odds_ratio", "float", "Odds ratio of ora."),
            Column("odds_low", "float", "Lower end of its 95 % interval (Woolf)."),
            Column("odds_high", "float", "Upper end of it."),
        ),
    ),
    Table(
        "enrichment_genes",
        "enrich_clusters",
        "One row a gene of the strongest gene sets, to draw running sums.",
        (
            Column("scope", "str", "`cluster` or `contrast`."),
            Column("cluster", "str", "The sub-population, or the contrast."),
            TERM,
            GENE,
            Column("rank", "int", "Rank of the gene among all."),
            Column("statistic", "float", "Statistic that ranks it."),
            Column("running", "float", "Running sum at the gene."),
            Column("leading", "bool", "Whether it is a leading gene."),
        ),
    ),
    Table(
        "lot_enrichment",
        "enrich_clusters",
        "One row a sum of counts (a lot, or a sub-population of it) and gene set.",
        (
            LOT,
            Column("cluster", "str", "The sub-population; empty for all MSC of the lot."),
            N_CELLS,
            TERM,
            Column("ssgsea", "float", "ssGSEA score, over the range of all sums."),
            Column("gsva", "float", "GSVA score."),
            Column("n_genes", "int", "Genes of the set in the sums."),
            Column("n_rows", "int", "Sums that were scored together."),
        ),
    ),
    Table(
        "cluster_scores",
        "name_clusters",
        "One row a sub-population and signature.",
        (
            CLUSTER,
            SIGNATURE,
            Column("n_lots", "int", "Lots with enough cells of it."),
            N_CELLS,
            Column("z", "float", "Departure from the resting population of its lots, in units of random gene sets."),
            LOW,
            HIGH,
            Column("lowest", "float", "Lowest z of a lot."),
            Column("highest", "float", "Highest z of a lot."),
            Column("pvalue", "float", "Fraction of random gene sets whose z departs as far."),
        ),
    ),
    Table(
        "cluster_states",
        "name_clusters",
        "One row a sub-population: what its signatures say together.",
        (
            CLUSTER,
            Column("n_lots", "int", "Lots with enough cells of it."),
            N_CELLS,
            Column("senescence", "str", "Consensus of the senescence signatures."),
            Column("senescence_scorers", "str", "Signatures that are raised, separated by semicolons."),
            Column("immune_profile", "str", "Immunoregulatory profile of the RNA."),
            Column("lineage_bias", "str", "Lineages whose early genes are raised, or `none`."),
        ),
    ),
    Table(
        "cluster_names",
        "name_clusters",
        "One row a sub-population: its name, or why it has none.",
        (
            CLUSTER,
            Column("name", "str", "Its state, its lineage, `main population` or `unnamed`."),
            Column("confidence", "str", "`high`, `moderate` or `low`; empty if unnamed."),
            Column("signature", "str", "Signature that gives the name."),
            Column("z", "float", "Its z."),
            LOW,
            HIGH,
            Column("pvalue", "float", "Fraction of random gene sets whose z departs as far."),
            Column("share", "float", "Fraction of the cells that are in the state, or of the lineage."),
            Column("n_lots", "int", "Lots that its z rests on."),
            Column("runner_up", "str", "The next state."),
            Column("runner_up_z", "float", "Its z."),
            Column("margin", "float", "Difference of both z."),
            Column("reason", "str", "Why this name, or none."),
        ),
    ),
)

COMPARISON = (
    Table(
        "contrasts",
        "compare_groups",
        "One row a contrast and feature, and one `design` row a contrast.",
        (
            Column("contrast", "str", "Factor and the two groups that are compared."),
            Column("kind", "str", "`design`, `score`, `composition` or `gene`."),
            Column("feature", "str", "Signature, sub-population or gene; the factor in a design row."),
            Column("estimate", "float", "Difference between the groups, in `unit`."),
            LOW,
            HIGH,
            Column("n_reference", "int", "Donors of the group that is compared with."),
            Column("n_other", "int", "Donors of the other group, which is named first in the contrast."),
            Column("pvalue", "float", "p-value over donors; missing with fewer donors an arm than compare.min_donors."),
            Column("pvalue_adj", "float", "p-value adjusted by Benjamini and Hochberg within contrast and kind."),
            Column("note", "str", "What was refused or adjusted for, and why."),
            Column("statistic", "float", "Test statistic, which ranks genes."),
            Column("unit", "str", "Unit of the estimate."),
        ),
    ),
    Table(
        "composition",
        "compare_groups",
        "One row a lot and sub-population.",
        (
            LOT,
            CLUSTER,
            N_CELLS,
            Column("fraction", "float", "Fraction of the lot's clustered cells."),
            LOW,
            HIGH,
            Column("n_pass", "int", "Those of the cells that pass the gate."),
            Column("fraction_pass", "float", "Fraction of the lot's clustered cells that pass the gate."),
            Column("low_pass", "float", "Lower end of its 95 % interval."),
            Column("high_pass", "float", "Upper end of it."),
        ),
    ),
)

OF_SOME_RUNS = (
    Table(
        "annotations",
        "annotate_cells",
        "One row a kind of label, lot and label.",
        (
            Column("annotation", "str", "The kind of label: a column of the user's table."),
            LOT,
            Column("label", "str", "The label."),
            N_CELLS,
            Column("fraction", "float", "Fraction of the lot's cells that have a label of this kind."),
            LOW,
            HIGH,
            Column("n_annotated", "int", "Cells of the lot with a label of this kind."),
            Column("n_lot", "int", "Cells of the lot that pass quality control."),
        ),
        only="annotated",
    ),
    Table(
        "truth",
        "evaluate_simulation",
        "One row a measure of what was found against what the simulation put in.",
        (
            Column("metric", "str", "The measure."),
            Column("group", "str", "Lot or cell type; `all` for all cells."),
            Column("value", "float", "Its value; missing where it is not defined."),
            Column("n", "int", "Cells or lots that it rests on."),
            Column("target", "float", "What the workflow is held to; missing where it is not."),
            Column("met", "bool", "Whether the target is met."),
        ),
        only="simulated",
    ),
    Table(
        "parity",
        "check_parity",
        "One row a measure of a GPU function against the CPU reference.",
        (
            Column("function", "str", "The function."),
            Column("measure", "str", "What was compared."),
            Column("value", "float", "Its value; missing where there was no answer."),
            Column("limit", "float", "Its limit."),
            Column("rule", "str", "`at least` or `at most`."),
            Column("passed", "bool", "Whether the value is within the limit."),
            Column("meaning", "str", "What the measure means."),
        ),
        only="gpu",
    ),
    Table(
        "reference_lots",
        "judge_reference",
        "One row a lot that is judged against a reference of lots.",
        (
            LOT,
            Column("reference", "str", "Name and version of the reference."),
            Column("version", "str", "Digest of the reference's content."),
            Column("place", "str", "`inside`, `outside`, or `no promise` where the lots are too few for an alarm."),
            Column("p", "float", "Share of the lots, this one among them, that depart as far; leave one lot out."),
            Column("alpha", "float", "Rate of false alarms at which the lot is called outside."),
            Column("smallest_rate", "float", "Smallest rate of false alarms that the lots can promise, 1 / (n + 1)."),
            Column("alarm_stratum", "str", "What the lots of the alarm have in common with this one."),
            Column("alarm_lots", "int", "Their number."),
            Column("stratum", "str", "What the lots of z and of the intervals have in common with this one."),
            Column("n_lots", "int", "Their number."),
            Column("decided_by", "str", "The larger departure: `programmes`, or single `genes`."),
            Column("top", "str", "Signatures with the largest z, with it, separated by `;`."),
            Column("tissue", "str", "Tissue of the sample sheet."),
            Column(
                "nearest_tissue", "str", "Tissue whose reference lots are nearest; empty with fewer than two tissues."
            ),
            Column("depth", "float", "Counts to which the sums of all lots were thinned."),
            Column("sentence", "str", "All of it in words."),
        ),
        only="reference",
    ),
    Table(
        "reference_signatures",
        "judge_reference",
        "One row a signature of a lot that is judged against a reference of lots.",
        (
            LOT,
            SIGNATURE,
            Column(
                "level", "float", "Mean log2 expression of its genes in the lot's sum, of a signed set up minus down."
            ),
            Column("z", "float", "Departure from the reference lots, as the normal deviate of the t of prediction."),
            Column("z_low", "float", "Lower end of the 95 % interval of z over the lot's cells."),
            Column("z_high", "float", "Upper end of it."),
            Column("percentile", "float", "Share of the reference lots with a lower level."),
            Column("low", "float", "Lower end of the 95 % prediction interval of the level of a further lot."),
            Column("high", "float", "Upper end of it."),
            Column("stratum", "str", "What the reference lots have in common with this one."),
            Column("n_lots", "int", "Their number."),
        ),
        only="reference",
    ),
    Table(
        "reference_attributes",
        "rank_attributes",
        "One row a number of a lot's passport among those of a reference of lots.",
        (
            LOT,
            Column("attribute", "str", "The attribute of the passport."),
            Column("title", "str", "Its heading."),
            Column("unit", "str", "Its unit."),
            Column("value", "float", "Its value in this lot."),
            Column("percentile", "float", "Share of the reference lots with a lower value; missing under three lots."),
            Column("low", "float", "Lower end of the 95 % prediction interval of a further lot (Student t over lots)."),
            Column("high", "float", "Upper end of it."),
            Column("inside", "bool", "Whether the value lies in the interval."),
            Column("stratum", "str", "What the reference lots have in common with this one."),
            Column("n_lots", "int", "Number of reference lots with a value."),
        ),
        only="reference",
    ),
    Table(
        "check",
        "check_inputs",
        "One row a finding in the input files of a study.",
        CHECKED,
        only="check",
    ),
    Table(
        "forecast",
        "check_inputs",
        "One row a rule, and `all`: what a run is estimated to need.",
        (
            Column("rule", "str", "The rule; `all` for the whole run."),
            Column("jobs", "int", "Number of its jobs."),
            Column("memory_gb", "float", "Memory of its largest job, GB."),
            Column("minutes", "float", "Minutes of all its jobs in turn; of `all`, of the run."),
            Column("disk_gb", "float", "What it writes, GB."),
        ),
        only="check",
    ),
    Table(
        "diff",
        "diff",
        "One row a result that differs between two runs.",
        (
            Column("dataset", "str", "The dataset."),
            Column("kind", "str", "`verdict`, `attribute`, `call`, `cluster`, `score`, or `dataset` of one run only."),
            LOT,
            Column("item", "str", "The attribute, signature or measure; `verdict` for the lot's own."),
            Column("before", "str", "In the earlier run."),
            Column("after", "str", "In this run."),
            Column("size", "float", "Cells that moved, Jaccard or adjusted Rand index, or shift, in `unit`."),
            Column("unit", "str", "Unit of the size."),
            Column("causes", "str", "Recorded differences upstream of the result, `kind: item`, joined by `; `."),
            Column("note", "str", "What the row rests on, or why there was no comparison."),
        ),
        only="diff",
    ),
    Table(
        "diff_causes",
        "diff",
        "One row a difference between the records of two runs.",
        (
            Column("dataset", "str", "The dataset."),
            Column("kind", "str", "`config`, `seed`, `sheet`, `input`, `file`, `code` or `version`."),
            Column("item", "str", "Key of the config, sample and column, step, or package."),
            Column("before", "str", "In the earlier run."),
            Column("after", "str", "In this run."),
            Column("reaches", "str", "Kinds of results that are computed from it, separated by semicolons."),
        ),
        only="diff",
    ),
    Table(
        "track",
        "track_lots",
        "One row a lot and number that is followed, in order of time.",
        (
            Column("stratum", "str", "What the lots of the chart have in common (`track.by`)."),
            Column("attribute", "str", "Attribute of the passport, or signature."),
            Column("date", "str", "Date of the lot."),
            LOT,
            Column("dataset", "str", "Its dataset."),
            Column("value", "float", "The number."),
            Column("unit", "str", "Its unit."),
            Column("n", "float", "Cells behind it."),
            Column("n_history", "int", "Lots before it that its limits rest on."),
            Column("center", "float", "What these predict for it."),
            Column("low", "float", "Lower limit, the end of the prediction interval."),
            Column("high", "float", "Upper limit."),
            Column("deviate", "float", "Normal deviate of the lot given those before it."),
            Column("ewma", "float", "Moving average of the deviates, in its own standard deviations."),
            Column("ewma_limit", "float", "Limit of it for `drift`."),
            Column("warning_limit", "float", "Limit of it for `drift warning`."),
            Column("finding", "str", "`within limits`, `beyond limits`, `drift`, `drift warning` or `not assessable`."),
            Column("reason", "str", "Why, one sentence."),
            Column("rule_version", "str", "Version of the rules."),
        ),
        only="track",
    ),
    Table(
        "track_sight",
        "track_lots",
        "One row a chart: the smallest changes that it could have shown in four of five cases.",
        (
            Column("stratum", "str", "What the lots of the chart have in common (`track.by`)."),
            Column("attribute", "str", "Attribute of the passport, or signature."),
            Column("n_lots", "int", "Lots of the chart."),
            Column("n_history", "int", "Lots that the limits of its last lot rest on."),
            Column("shift", "float", "Departure of one lot that is found beyond its limits, SD of the lots."),
            Column("drift", "float", "Move of the mean within 10 lots that is found by the 15th, SD of the lots."),
            Column("warned", "float", "The same, warned of."),
            Column("sentence", "str", "All of it in words."),
        ),
        only="track",
    ),
    Table(
        "equivalence",
        "judge_equivalence",
        "One row a comparison of `compare.equivalence` and number.",
        (
            Column("factor", "str", "Column of the sample sheet."),
            Column("reference", "str", "Kind that is compared with."),
            Column("other", "str", "The other kind; differences are other minus reference."),
            Column("attribute", "str", "Attribute of the passport, or signature."),
            Column("verdict", "str", "`EQUIVALENT`, `DIFFERENT`, `UNDECIDED` or `NOT ASSESSABLE`."),
            Column("n_donors", "int", "Donors with both kinds."),
            Column("difference", "float", "Mean difference of the donors."),
            Column("low", "float", "Lower end of its 90 % interval."),
            Column("high", "float", "Upper end of it."),
            Column("sd", "float", "Standard deviation of the donors' differences."),
            Column("margin", "float", "Largest difference that does not matter, as the config says."),
            Column("pvalue", "float", "The larger p-value of the two one-sided tests of equivalence."),
            Column(
                "donors_needed", "float", "Donors that show equivalence in 4 of 5 studies if the kinds are the same."
            ),
            Column("left_out", "str", "Donors with one of the kinds only, separated by semicolons."),
            Column("reason", "str", "Why this verdict, one sentence."),
        ),
        only="equivalence",
    ),
    Table(
        "meta",
        "pool_datasets",
        "One row a contrast, feature and dataset; one of all datasets together, and of scores one without each.",
        (
            Column("contrast", "str", "Factor and the two groups that are compared, or its trend."),
            Column("kind", "str", "`score` or `gene`."),
            Column("feature", "str", "Signature or gene."),
            Column("role", "str", "`study`, `pooled`, or `without` the dataset named."),
            Column("study", "str", "The dataset; `all` of the pooled row."),
            Column("n_studies", "int", "Datasets that the row pools."),
            Column("estimate", "float", "Effect, in `unit`."),
            LOW,
            HIGH,
            Column("error", "float", "Standard error of the effect."),
            Column("tau2", "float", "Variance of the effect between datasets (Paule and Mandel)."),
            Column("i2", "float", "Share of the variance of the estimates that lies between datasets."),
            Column("predicted_low", "float", "Lower end of where the effect in a further dataset is expected."),
            Column("predicted_high", "float", "Upper end of it."),
            Column("pvalue", "float", "p-value of no effect, over datasets."),
            Column("pvalue_adj", "float", "The same adjusted by Benjamini and Hochberg within contrast and kind."),
            Column("unit", "str", "Unit of the effect."),
            Column("note", "str", "Why there is no pooled effect."),
        ),
        only="meta",
    ),
)

TABLES: dict[str, Table] = {
    table.name: table for table in (*INPUT, *QUALITY, *GATING, *CLUSTERING, *SCORING, *COMPARISON, *OF_SOME_RUNS)
}
STAGE_TABLES = [name for name, table in TABLES.items() if not table.only]
