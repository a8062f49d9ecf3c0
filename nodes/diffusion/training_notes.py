"""What a file's metadata tells of its training: kohya's `ss_…` and the model specification's `modelspec.…`."""

from collections import Counter
from collections.abc import Mapping

from .safetensors_file import parsed_note

LONGEST = 200  # characters of a note
MOST_TAGS = 10
# What is told → the keys that may say it; the first that says something counts.
NOTES: Mapping[str, tuple[str, ...]] = {
    "title": ("modelspec.title", "ss_output_name"),
    "author": ("modelspec.author",),
    "date": ("modelspec.date",),
    "license": ("modelspec.license",),
    "description": ("modelspec.description", "ss_training_comment"),
    "trigger words": ("modelspec.trigger_phrase", "modelspec.trigger_words"),
    "architecture": ("modelspec.architecture", "ss_base_model_version"),
    "base model": ("ss_sd_model_name", "modelspec.merged_from"),
    "resolution": ("modelspec.resolution", "ss_resolution"),
    "steps": ("ss_steps", "ss_max_train_steps"),
    "epochs": ("ss_epoch", "ss_num_epochs"),
    "pictures": ("ss_num_train_images",),
    "batch": ("ss_total_batch_size", "ss_batch_size_per_device"),
    "learning rate": ("ss_learning_rate", "ss_unet_lr"),
    "network": ("ss_network_module",),
    "rank": ("ss_network_dim",),
    "alpha": ("ss_network_alpha",),
}
NOTHING = ("", "None", "null")
TAGS = "ss_tag_frequency"  # JSON: a folder of pictures → a tag → how many of them have it


def training_notes(metadata: Mapping[str, str]) -> dict[str, object]:
    """What there is of it, as texts of at most 200 characters, and the ten most frequent tags with their numbers."""
    notes: dict[str, object] = {}
    for name, keys in NOTES.items():
        said = (metadata.get(key, "")[: LONGEST + 1].strip() for key in keys)
        if found := next((text for text in said if text not in NOTHING), None):
            notes[name] = cut(found)
    tags = Counter(_tags(metadata.get(TAGS, "{}"))).most_common(MOST_TAGS)
    if tags:
        notes["tags"] = [f"{cut(tag)} ({count})" for tag, count in tags]
    return notes


def cut(text: str) -> str:
    """A text of at most 200 characters."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _tags(text: str) -> dict[str, int]:
    try:
        folders = parsed_note(text)
    except ValueError:  # then nothing is known of them; the weights can be used all the same
        return {}
    counts = Counter[str]()
    for tags in folders.values() if isinstance(folders, dict) else ():
        if isinstance(tags, dict):
            counts.update({tag: count for tag, count in tags.items() if type(count) is int})
    return counts
