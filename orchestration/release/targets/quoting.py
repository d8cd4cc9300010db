"""Names and texts as SQL writes them."""


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text under standard_conforming_strings, which every supported server has."""
    return "'" + text.replace("'", "''") + "'"
