"""Gene names, orthologs, and the registry of marker panels, lineages and signatures."""
