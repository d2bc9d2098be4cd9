"""The HTML report: read the stage files, encode the cells, draw, and fill the templates in ``workflow/report``."""
