"""Lineage, recall and what else is asked of the graph: pure functions of a View."""
