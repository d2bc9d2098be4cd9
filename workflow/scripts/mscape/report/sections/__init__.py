"""Sections of the report: a module with a ``SECTION`` is one (:mod:`mscape.report.section`), the others help them."""
