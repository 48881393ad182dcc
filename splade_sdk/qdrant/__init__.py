"""Everything that knows Qdrant."""
