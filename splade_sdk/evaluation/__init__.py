"""Datasets and metrics: how good a retriever is."""
