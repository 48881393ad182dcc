"""From any iterable of documents to stored points: read, build, write, report."""
