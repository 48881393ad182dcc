"""Where the Retriever of an AsyncRetriever lives: in threads, or in a process of its own."""
