"""Contrasts between lots with the donor as the unit."""
