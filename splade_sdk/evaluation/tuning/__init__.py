"""Finds search settings by judged queries: fusion, depth, pruning and storage."""
