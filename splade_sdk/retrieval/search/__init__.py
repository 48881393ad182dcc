"""One road for a search: options -> query vectors of each leg -> run -> fusion -> hits.

``options`` says what can be asked for, ``query`` makes the vector of each leg, ``run`` asks the
engine and reads the page, ``fusion`` makes one ranking of several, ``groups`` groups it, and
``explain`` says why a document was found.
"""
