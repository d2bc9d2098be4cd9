"""A dataset in the CELLxGENE schema."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData

from mscape.data.reference_table import read_reference
from mscape.genes.species import species

logger = logging.getLogger(__name__)

SCHEMA = "7.1.0"
UNKNOWN = ("", "unknown", "nan", "None")
TYPES = {"expanded": "primary cell culture", "fresh": "tissue"}  # tissue_type by the dataset's culture
RESERVED = (  # columns that the schema fills in by itself from the terms
    *("assay", "cell_type", "development_stage", "disease", "donor_id", "organism", "self_reported_ethnicity"),
    *("sex", "tissue", "tissue_type", "suspension_type", "is_primary_data", "observation_joinid"),
)
INNER = ("isct_pool",)  # what the gate pooled, for its own record


def read_terms(path: str | Path) -> dict[str, dict[str, str]]:
    """Ontology terms by kind and by name in lower case."""
    table = read_reference(path)
    names = table["name"].str.lower()
    return {
        kind: dict(zip(names[rows], table["term"][rows], strict=True))
        for kind, rows in table.groupby("kind").groups.items()
    }


def read_gene_ids(path: str | Path, organism: str) -> set[str]:
    """Gene ids that the schema knows for an organism."""
    table = read_reference(path)
    numbers = table.loc[table["organism"] == organism, "step"].astype(int).cumsum()
    prefix = species(organism).ensembl
    return {f"{prefix}{number:011d}" for number in numbers}


def describe_cells(obs: pd.DataFrame, terms: dict, *, organism: str, culture: str) -> tuple[pd.DataFrame, list[str]]:
    """Give each cell the schema's columns.

    A column of the sheet that already carries the schema's name, such as ``tissue_ontology_term_id``, goes first; then
    the sheet's words are looked up.

    Parameters
    ----------
    obs
        Cells with the sheet's columns and the gate's call and identity.
    terms
        As `read_terms` gives them.
    organism, culture
        Of the dataset.

    Returns
    -------
    columns
        The schema's columns, categorical, index as in ``obs``.
    faults
        What is missing, one sentence each.
    """
    result = pd.DataFrame(index=obs.index)
    faults = []

    def given(column: str) -> pd.Series:
        if column not in obs:
            return pd.Series("", index=obs.index)
        return obs[column].astype(str).where(~obs[column].astype(str).isin(UNKNOWN), "")

    def look_up(term: str, word: str, kind: str, default: str = "") -> pd.Series:
        found = given(term)
        named = given(word).str.strip().str.lower().map(terms[kind]).fillna("")
        return found.where(found != "", named).replace("", default)

    def need(column: str, values: pd.Series, allowed: tuple[str, ...], wanted: str) -> None:
        result[column] = values
        lost = obs.loc[~values.str.startswith(allowed), "sample_id"].astype(str).unique()
        if len(lost):
            more = " and others" if len(lost) > 5 else ""
            names = " or ".join(name.removesuffix(":") for name in allowed)
            faults.append(f"{column} of {', '.join(lost[:5])}{more} is not known or not {names}: {wanted}")

    kind = given("tissue_type").replace("", TYPES.get(culture, ""))
    wanted = "set the dataset's culture to expanded or fresh, or give the sheet a column tissue_type."
    need("tissue_type", kind, ("primary cell culture", "tissue", "organoid"), wanted)
    cultured = kind == "primary cell culture"
    grown = look_up("tissue_ontology_term_id", "tissue", "culture", terms["culture"]["other"])
    tissue = look_up("tissue_ontology_term_id", "tissue", "tissue").mask(cultured, grown)
    wanted = "use a word of resources/ontology_terms.tsv for the tissue, or give a column tissue_ontology_term_id."
    ontologies = [name for name, rows in (("CL:", cultured), ("UBERON:", ~cultured)) if rows.any()]
    need("tissue_ontology_term_id", tissue, tuple(ontologies), wanted)
    assay = look_up("assay_ontology_term_id", "assay", "assay")
    wanted = "give assay, such as 10x 3' v3, or assay_ontology_term_id."
    need("assay_ontology_term_id", assay, ("EFO:",), wanted)
    disease = look_up("disease_ontology_term_id", "disease", "disease")
    wanted = "give disease, such as normal, or disease_ontology_term_id."
    need("disease_ontology_term_id", disease, ("MONDO:", "PATO:"), wanted)
    wanted = "give the sheet a column suspension_type."
    need("suspension_type", given("suspension_type"), ("cell", "nucleus"), wanted)
    result["sex_ontology_term_id"] = look_up("sex_ontology_term_id", "sex", "sex", "unknown")
    ethnicity = "unknown" if species(organism).isct else "na"
    result["self_reported_ethnicity_ontology_term_id"] = given("self_reported_ethnicity_ontology_term_id").replace(
        "", ethnicity
    )
    result["development_stage_ontology_term_id"] = given("development_stage_ontology_term_id").replace("", "unknown")
    result["donor_id"] = given("donor_id").replace("", "unknown")
    identity, call = obs["isct_identity"].astype(str), obs["isct_call"].astype(str)
    is_msc = identity == "MSC-like"
    sure = ((call == "pass") & is_msc) | ((call == "fail") & ~is_msc)  # what lacks a marker is no MSC, and nothing else
    result["cell_type_ontology_term_id"] = identity.where(sure, "").str.lower().map(terms["identity"]).fillna("unknown")
    result = result.astype("category")
    result["is_primary_data"] = given("is_primary_data").str.lower().isin(["true", "yes", "1"])
    return result, faults


def keep_genes(var: pd.DataFrame, known: set[str]) -> np.ndarray:
    """Columns whose ``gene_id`` the schema knows, each id once; a version after a dot is left off."""
    ids = var["gene_id"].astype(str).str.partition(".")[0]
    return np.flatnonzero(ids.isin(known) & ~ids.duplicated())


def build(whole: AnnData, columns: pd.DataFrame, genes: np.ndarray, organism: str, *, title: str) -> AnnData:
    """Put all but the matrices into the schema's places.

    Parameters
    ----------
    whole
        The assembled dataset without its matrices.
    columns
        The schema's columns of the cells.
    genes
        Columns of the genes to keep.
    organism
        NCBITaxon term.
    title
        Of the dataset; simulated data say so in it.
    """
    others = whole.obs.rename(columns={name: f"sheet_{name}" for name in RESERVED if name in whole.obs})
    inner = [name for name in others if name.startswith(INNER) or name in columns or name == "sheet_donor_id"]
    others = others.drop(columns=inner)
    for name in others.select_dtypes("category"):
        others[name] = others[name].cat.remove_unused_categories()
    scores = whole.obsm["score_z"].add_prefix("z_") if "score_z" in whole.obsm else pd.DataFrame(index=whole.obs_names)
    ids = whole.var["gene_id"].astype(str).str.partition(".")[0]
    var = pd.DataFrame({"symbol": whole.var_names.to_numpy()}, index=ids.to_numpy()).iloc[genes]
    simulated = bool(whole.uns.get("simulated", False))
    uns = {
        "title": f"SIMULATED DATA: {title}" if simulated else title,
        "organism_ontology_term_id": organism,
        "default_embedding": "X_umap",
        "X_approximate_distribution": "normal",
        "mscape": {"run_id": str(whole.uns["mscape"]["run"]["run_id"]), "schema": SCHEMA},
    }
    return AnnData(
        obs=pd.concat([others, columns, scores], axis=1),
        var=var.assign(feature_is_filtered=False),
        obsm={key: np.asarray(values) for key, values in whole.obsm.items() if key.startswith("X_")},
        uns=uns,
    )
