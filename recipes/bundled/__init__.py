"""How the model that ships in the package is made, step by step."""
