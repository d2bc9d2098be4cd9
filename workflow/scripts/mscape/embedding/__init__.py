"""Variable genes, principal components, neighbor graph, integration, UMAP."""
