"""Text from outside made fit for a line of output."""


def printable(text: str, limit: int = 200) -> str:
    """`text` on one line, safe in a log and on a terminal: control and format characters are escaped.

    What is longer than `limit` characters ends in dots.
    """
    safe = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:limit])
    return safe if len(text) <= limit else safe + "..."
