"""The default model and the catalogue of known ones."""
