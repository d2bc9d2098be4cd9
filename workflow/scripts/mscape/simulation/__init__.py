"""Simulated lots with known truth, and what was found of it."""
