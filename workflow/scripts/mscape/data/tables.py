"""The stage tables: file, step and columns of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table that a step writes for each dataset.

    Attributes
    ----------
    name
        Key of the table, and name of its file without the suffix.
    step
        Rule and script that write it.
    required
        Columns that the report cannot do without.
    """

    name: str
    step: str
    required: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """Name of the file, below ``results/{dataset}/``."""
        return f"{self.name}.tsv"


def _table(name: str, step: str, required: str = "") -> tuple[str, Table]:
    return name, Table(name, step, tuple(required.split()))


TABLES: dict[str, Table] = dict(
    [
        _table("inputs", "review_inputs", "sample_id file matrix why left_out"),
        _table("findings", "review_inputs", "sample level check found next_step"),
        _table("accounting", "merge_samples", "sample_id lot_id loaded pass"),
        _table("gate", "gate_msc", "lot_id criterion kind estimate low high verdict"),
        _table("contaminants", "gate_msc", "lot_id identity n_cells fraction"),
        _table("hidden_mixture", "gate_msc"),
        _table("stability", "cluster_cells", "cluster n_cells jaccard stable"),
        _table("resolutions", "cluster_cells", "resolution n_clusters ari_mean"),
        _table("heterogeneity", "cluster_cells", "lot_id index value"),
        _table("paga", "cluster_cells", "cluster_a cluster_b connectivity path"),
        _table("composition", "compare_groups", "lot_id cluster fraction"),
        _table("markers", "rank_markers", "cluster gene rank"),
        _table("surface", "rank_markers", "cluster sign gene"),
        _table("enrichment", "enrich_clusters", "cluster term"),
        _table("lot_enrichment", "enrich_clusters", "lot_id cluster term gsva"),
        _table("contrasts", "compare_groups", "contrast kind feature estimate"),
        _table("confounders", "score_signatures"),
        _table("signatures", "score_signatures", "id axis evidence licence"),
        _table("signature_genes", "score_signatures"),
        _table("signature_scores", "score_signatures", "lot_id signature z"),
        _table("lot_states", "score_signatures"),
        _table("cluster_names", "name_clusters", "cluster name confidence reason"),
        _table("cluster_states", "name_clusters", "cluster senescence immune_profile lineage_bias"),
        _table("cluster_scores", "name_clusters", "cluster signature z low high"),
        _table("enrichment_genes", "enrich_clusters", "scope cluster term rank running leading"),
    ]
)
TEXT = (  # columns that stay text, also where they look like numbers or hold nothing
    *("sample_id", "lot_id", "cluster", "criterion", "identity", "signature", "gene", "feature", "term", "contrast"),
    *("reason", "note", "unit", "genes", "protein", "cluster_a", "cluster_b", "name", "confidence", "runner_up"),
)
