"""Lists of words, written as one text."""


def word_set(text: str) -> frozenset[str]:
    """The words of a text.

    Example:
        >>> sorted(word_set("up down"))
        ['down', 'up']
    """
    return frozenset(text.split())
