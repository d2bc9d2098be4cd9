"""Stable clusters, marker genes and trajectories."""
