"""Simulated lots with known truth, and the evaluation of results against it."""
