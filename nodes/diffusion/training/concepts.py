"""What the embedded model is taught: the table of concepts, shapes, colours, backgrounds and styles.

A concept is `caption: name in the icon packs`; where both are the same word, the caption stands alone.
"""

from typing import Literal

_SAME = """
accordion airplane alien ambulance anchor ant avocado axe backpack bacon badger balloon banana banjo baseball
basketball bat battery bear beaver bed bee:honeybee beer:beer-mug bell bicycle bomb bone book:closed-book box:package
bread broccoli broom bucket burrito bus butterfly cactus cake:birthday-cake camel camera candle candy car:automobile
carrot castle cat:cat-face chair:seat cheese:cheese-wedge cherries chick:front-facing-baby-chick chicken:rooster
chipmunk chocolate:chocolate-bar church cloud clover:four-leaf-clover coconut coffin coin compass cookie
corn:ear-of-corn cow:cow-face crab crocodile croissant crown cucumber cupcake deer diamond:gem-stone dinosaur:sauropod
dog:dog-face dolphin door doughnut dove dragon:dragon-face dress drum duck eagle egg eggplant elephant envelope eye
factory feather ferry fire firetruck:fire-engine fish flamingo flower:cherry-blossom flute fly football:soccer-ball
fountain fox fries:french-fries frog garlic gear ghost gift:wrapped-gift giraffe glasses
globe:globe-showing-europe-africa gloves goat gorilla grapes guitar hamburger hammer hamster hat:top-hat
headphones:headphone heart:red-heart hedgehog helicopter hippo:hippopotamus honey:honey-pot horse:horse-face
hotdog:hot-dog hourglass:hourglass-done house jeans jellyfish joystick kangaroo key kite kiwi:kiwi-fruit koala ladder
ladybug:lady-beetle laptop leaf:maple-leaf lemon lion lipstick lizard llama lobster lock:locked lollipop magnet
mammoth mango microphone monkey:monkey-face moon:crescent-moon motorcycle mountain:snow-capped-mountain
mouse:mouse-face mushroom octopus onion orange:tangerine owl palm:palm-tree pancakes panda paperclip parachute parrot
peach peacock pear pencil penguin pepper:bell-pepper pie pig:pig-face pill pineapple pizza popcorn potato pretzel
pumpkin:jack-o-lantern rabbit:rabbit-face raccoon radio rainbow razor rhino:rhinoceros ring robot rocket rose sailboat
sandwich satellite saxophone scarf scissors scorpion screwdriver shark shell:spiral-shell shield shirt:t-shirt shrimp
skateboard skull sloth snail snake snowflake snowman:snowman-without-snow soap socks spider squid star strawberry sun
sundae:ice-cream sunflower sushi swan syringe taco taxi teapot telephone telescope television tent tie:necktie
tiger:tiger-face tomato toothbrush tractor train:locomotive tree:deciduous-tree trophy truck:delivery-truck trumpet
tulip turtle ufo:flying-saucer umbrella:umbrella unicorn violin volcano watermelon whale:spouting-whale
wine:wine-glass wolf worm wrench zebra
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

# Where things stand, from the left and from the top in quarters of the picture; several are half as wide as it.
Arrangement = Literal["one", "two", "three", "four", "beside", "stacked"]
ARRANGEMENTS: dict[Arrangement, tuple[tuple[int, int], ...]] = {
    "one": ((0, 0),),
    "two": ((0, 1), (2, 1)),
    "three": ((1, 0), (0, 2), (2, 2)),
    "four": ((0, 0), (2, 0), (0, 2), (2, 2)),
    "beside": ((0, 1), (2, 1)),
    "stacked": ((1, 0), (1, 2)),
}
