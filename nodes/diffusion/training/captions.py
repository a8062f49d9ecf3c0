"""What a scene is called: the words of the captions, as people would type them."""

import random

from .concepts import Arrangement

_PAIRS = {
    "beside": (
        ("{0} left of {1}", 2),
        ("{0} to the left of {1}", 2),
        ("{1} right of {0}", 2),
        ("{1} to the right of {0}", 2),
        ("{0} next to {1}", 3),
        ("{0} and {1}", 3),
    ),
    "stacked": (("{0} above {1}", 4), ("{0} on top of {1}", 2), ("{1} below {0}", 4), ("{1} under {0}", 2)),
}
_NO_SINGULAR = {
    *("cherries", "fries", "glasses", "gloves", "grapes"),
    *("headphones", "jeans", "pancakes", "scissors", "socks"),
}
_SAME_IN_PLURAL = {"fish", "jellyfish", "deer", "sushi", "shrimp", "squid"}
_IRREGULAR = {"mouse": "mice", "wolf": "wolves", "leaf": "leaves", "snowman": "snowmen"}


def caption(
    rng: random.Random, things: list[str], arrangement: Arrangement, colour: str, background: str, style: str
) -> str:
    """One of several ways to say what there is: things in order from the left or the top, "" where nothing is named.

    White is rarely named; it is what stands behind things if nothing is said.
    """
    article = rng.random() < 0.85
    named = [" ".join(filter(None, (colour, thing))) for thing in things]
    if arrangement in _PAIRS:
        forms, weights = zip(*_PAIRS[arrangement], strict=True)
        text = rng.choices(forms, weights)[0].format(*(_with_article(name) if article else name for name in named))
    elif arrangement == "one":
        text = _with_article(named[0]) if article else named[0]
    else:
        text = " ".join(filter(None, (arrangement, colour, plural(things[0]))))
    if background != "white" or rng.random() < 0.2:
        text += f" on {_with_article(background)} background" if rng.random() < 0.85 else f", {background} background"
    if style:
        text += f", {style} style" if rng.random() < 0.7 else f" in {style} style"
    return text


def plural(thing: str) -> str:
    """Several of a thing: cats, foxes, cherries."""
    if thing in _NO_SINGULAR | _SAME_IN_PLURAL:
        return thing
    if thing in _IRREGULAR:
        return _IRREGULAR[thing]
    if thing.endswith(("s", "x", "ch", "sh", "tomato", "potato", "volcano", "mango")):
        return f"{thing}es"
    return f"{thing[:-1]}ies" if thing.endswith("y") and thing[-2] not in "aeiou" else f"{thing}s"


def _with_article(text: str) -> str:
    if text.split()[-1] in _NO_SINGULAR:
        return text
    vowel = text.startswith(("a", "e", "i", "o", "um", "hour"))
    return f"{'an' if vowel else 'a'} {text}"
