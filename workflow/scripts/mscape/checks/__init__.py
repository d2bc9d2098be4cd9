"""Find what is wrong with samples before any work."""
