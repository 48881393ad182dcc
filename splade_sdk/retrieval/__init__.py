"""Encoders and Qdrant together: the Retriever."""
