"""Download the files of a sample, verified."""
