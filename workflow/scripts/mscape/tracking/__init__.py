"""Lots over time: control charts whose limits hold from a short history on."""
