"""Files of test collections and training data: JSON lines, and BEIR's layout."""
