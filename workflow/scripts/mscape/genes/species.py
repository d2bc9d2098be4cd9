"""The species: ids and symbols of their genes, and what can be said of their cells. Nothing else knows a species' name.

A species becomes first-class by an entry here with the form of its symbols, its genes in the panels and lineages of
``resources/markers.yaml`` under `Species.marker_key`, and its orthologs for the signatures (:mod:`mscape.genes.names`).
Any other one is analysed as ``organism: other`` by a table of orthologs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Species:
    """What is known of a species.

    Attributes
    ----------
    name
        As in the config's ``organism``.
    ensembl
        Prefix of the Ensembl ids of its genes.
    form
        Form of its gene symbols; None where symbols are not checked.
    marker_key
        Key of its genes in lineages of ``resources/markers.yaml``; "" where neither panels nor signatures have them.
    panel
        Panel of the gate that ``auto`` takes.
    isct
        Whether the ISCT criteria apply. The genes of sex and of ambient RNA are known for these cells, too.
    capitals
        Whether its symbols are in capitals.
    """

    name: str
    ensembl: str = ""
    form: re.Pattern[str] | None = None
    marker_key: str = ""
    panel: str = "isct2006"
    isct: bool = False
    capitals: bool = True

    @property
    def has_markers(self) -> bool:
        """Whether panels, lineages and signatures have its genes, so that no table of orthologs is needed."""
        return bool(self.marker_key)

    def spell(self, symbol: str) -> str:
        """Write a symbol in capitals as the species writes it."""
        return symbol if self.capitals else symbol.capitalize()


KNOWN = {
    one.name: one
    for one in (
        Species(
            name="human",
            ensembl="ENSG",
            form=re.compile(r"^[A-Z][A-Z0-9]*(orf\d+\w*)?([-.@_,]+[A-Z0-9]+(orf\d+\w*)?)*$"),
            marker_key="genes",
            isct=True,
        ),
        Species(
            name="mouse",
            ensembl="ENSMUSG",
            form=re.compile(r"^([A-Z][A-Za-z0-9]*|[0-9]+[A-Z]\w*Rik|mt|n|a|p)([-.@][A-Za-z0-9]+)*$"),
            marker_key="mouse",
            panel="mouse_stroma",
            capitals=False,
        ),
        Species(name="rat", ensembl="ENSRNOG", capitals=False),
        Species(name="horse", ensembl="ENSECAG"),
        Species(name="pig", ensembl="ENSSSCG"),
        Species(name="dog", ensembl="ENSCAFG"),
        Species(name="cow", ensembl="ENSBTAG"),
        Species(name="macaque", ensembl="ENSMMUG"),
        Species(name="rabbit", ensembl="ENSOCUG"),
    )
}
BY_PREFIX = {one.ensembl: one.name for one in KNOWN.values()}


def species(name: str) -> Species:
    """Give what is known of a species; of an unknown one nothing but its name is."""
    return KNOWN.get(name) or Species(name=name)
