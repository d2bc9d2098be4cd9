"""The ISCT gate: marker rates of neighborhoods, lineages, calls of cells, answers of lots."""
