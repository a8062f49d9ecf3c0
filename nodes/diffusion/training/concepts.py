"""What the embedded model is taught: the table of concepts, shapes, colours, backgrounds and styles.

A concept is `caption: name in the icon packs`; where both are the same word, the caption stands alone.
"""

_SAME = """
airplane ambulance anchor ant avocado axe balloon banana baseball basketball bat bear bell bicycle bomb bread broccoli
bus butterfly cactus cake:birthday-cake camel camera candle candy car:automobile carrot castle cat:cat-face
cheese:cheese-wedge cherries chick:front-facing-baby-chick cloud cookie corn:ear-of-corn cow:cow-face crab crocodile
crown cucumber cupcake diamond:gem-stone dog:dog-face dolphin door doughnut dragon:dragon-face drum duck eagle egg
eggplant elephant fire fox frog ghost giraffe grapes guitar hamburger hammer heart:red-heart hedgehog helicopter
horse:horse-face house kangaroo key koala ladybug:lady-beetle lemon lion lock:locked magnet microphone
monkey:monkey-face moon:crescent-moon mouse:mouse-face mushroom octopus orange:tangerine owl panda parrot peach pear
pencil penguin pig:pig-face pineapple pizza pumpkin:jack-o-lantern rabbit:rabbit-face rainbow ring robot rocket rose
sailboat scissors shark skull snail snake snowman:snowman-without-snow spider star strawberry sun sunflower taco
teapot television tiger:tiger-face tomato tractor train:locomotive tree:deciduous-tree trophy truck:delivery-truck
trumpet tulip turtle ufo:flying-saucer umbrella:umbrella unicorn violin volcano watermelon whale:spouting-whale wolf
zebra
"""

CONCEPTS: dict[str, str] = {
    caption: name or caption for caption, _, name in (word.partition(":") for word in _SAME.split())
}

# Drawn here, always coloured: a middle tone, which takes the whole colour.
SHAPES: dict[str, str] = {
    "circle": '<circle cx="32" cy="32" r="25" fill="#999"/>',
    "square": '<rect x="9" y="9" width="46" height="46" fill="#999"/>',
    "triangle": '<path d="M32 7 59 56H5Z" fill="#999"/>',
    "hexagon": '<path d="M32 5 56 18.500V45.500L32 59 8 45.500V18.500Z" fill="#999"/>',
    "cross": '<path d="M23 6H41V23H58V41H41V58H23V41H6V23H23Z" fill="#999"/>',
}

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (224, 49, 49),
    "orange": (247, 126, 20),
    "yellow": (250, 210, 30),
    "green": (55, 165, 70),
    "blue": (40, 110, 230),
    "purple": (140, 70, 205),
    "pink": (245, 115, 180),
    "gray": (134, 138, 146),
}

BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "white": (255, 255, 255),
    "black": (30, 30, 34),
    "gray": (160, 163, 170),
    "red": (226, 75, 68),
    "orange": (250, 170, 90),
    "yellow": (249, 224, 110),
    "green": (112, 196, 112),
    "blue": (84, 142, 236),
    "purple": (162, 112, 214),
    "pink": (250, 170, 205),
    "brown": (148, 104, 70),
}

# What the captions call the styles of the icon packs: Noto, Twemoji and Fluent.
STYLES: tuple[str, ...] = ("noto", "flat", "fluent")
