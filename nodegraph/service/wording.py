"""Messages as they may leave the machine."""

import re

# A path from the root on, of two names or more, up to its last name; in quotes it may have spaces in it.
QUOTED = re.compile(r"""(['"])(?:[A-Za-z]:[\\/]|/)[^'"\n]*[\\/]""")
PLAIN = re.compile(r"""(?<![\w.:/\\])(?:[A-Za-z]:[\\/]|/)(?:[^\s'"`<>|:;,()\[\]/\\]+[/\\])+""")


def without_paths(text: str) -> str:
    """A message in which files are named, and not where they are."""
    return PLAIN.sub("", QUOTED.sub(r"\1", text))
