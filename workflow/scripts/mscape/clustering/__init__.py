"""Stable clusters, the genes that separate them, and their courses."""
