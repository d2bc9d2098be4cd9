"""Signature scores, calibrated, and what they say of clusters and lots."""
