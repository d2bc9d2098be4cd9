"""Stage files and tables, counts in blocks, fingerprints: what every room reads and writes."""
