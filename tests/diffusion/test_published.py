"""The keys, shapes and types of the published files, as digests of lists that were made from the originals.

They prove that the files which the other tests make from reference modules are those that people have.
"""

import hashlib
from collections.abc import Iterable
from functools import cache

import pytest
import torch

from tests.diffusion.families import FULL, UNET_PLACE, VAE_PLACE, References, leftovers, references, weights_of
from tests.diffusion.ldm_names import State, ldm_unet, ldm_vae

CODES = {torch.float32: "F32", torch.float16: "F16", torch.int64: "I64", torch.int32: "I32"}
# SHA-256 of the sorted lines "key shape type" (without the depth model that SD2's depth model brings along).
FILES = {
    "sd14": "d269c29f20a5eed0a6394daaece37cf4bef57fc5997b63e249c5e51269cdb8a5",
    "sd15": "767304ca598ac1f52500c8ef2e6df1d80826417b2859084355d6216b1695ca21",
    "sd15_pix2pix": "7a10a3746a0a15cf7f53c74625759f8e71286276e1d88bd3f5ec4de83749a7ef",
    "sd15_inpaint": "717dc99a004a5a78122438a4a64f4aa99d862f226fe1db520cfdc1d71222bb60",
    "sd21_base": "69799b4debd82fc79d0b5b1264117b0e2336c5fc0adb9f64739b9c082fc639db",
    "sd21_v": "69799b4debd82fc79d0b5b1264117b0e2336c5fc0adb9f64739b9c082fc639db",
    "sd2_inpaint": "92e71fe104912dc78aff278c6ad86ee67f5cddd8bf068b28d30f596af7a738d2",
    "sd2_depth": "efef144a5d38e3d18cdec948a8f3a00594e1ba96966b856cf512ec39daa39fb5",
    "sdxl_base": "e48b42547ce67bd030a35dca5f2c505841cea2ee3c87b3029eef1c32845e1a47",
    "sdxl_inpaint": "d282cee2421f3a82536ca102db30cb6511de87f1231848d78094b4b23a94fe1e",
    "sdxl_refiner": "f25c2901c7b6bd27c77fe39ce72cbcb3121e5c8e66ea441b05163431cb266a0b",
}
VAE_ALONE = "c23ed3a227db34b122f855aea3154ad9ae9aade3c0617e8482833fd7be1e20f6"
# Of the sorted lines "CompVis' key diffusers' key".
NAMES = {
    "sd15": "3d355a17ce5dcde45ded5a9b6ecfe84cc9a1929d0354955709f14d431b684ae1",
    "sdxl_base": "dfe52c949b83ed17f4baf53ffdf5f36ee9b477aa4ae3a70045fcc71cc19201fd",
    "sdxl_refiner": "df3eee79ceafc1532bbe3891169ad39f0020c968d780bb076d4d8a3a627f9cab",
}
VAE_NAMES = "332c08183dbd1a28dd1868e0e8339261a8aeab1cfd7ad84821e6d470f8e79323"


def digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def listed(state: State) -> list[str]:
    return [f"{key} {list(tensor.shape)} {CODES[tensor.dtype]}" for key, tensor in state.items()]


@cache
def weightless(name: str) -> References:
    return references(FULL[name])


@pytest.mark.parametrize("name", FILES)
def test_the_files_that_are_made_for_tests_have_the_published_keys_shapes_and_types(name: str) -> None:
    state = {key: tensor.to(FULL[name].dtype) for key, tensor in weights_of(weightless(name)).items()}
    assert digest(listed(state | leftovers(FULL[name]))) == FILES[name]


def test_so_have_those_of_a_vae_alone() -> None:
    assert digest(listed(ldm_vae(weightless("sd14").vae.state_dict()))) == VAE_ALONE


def renamed(theirs: Iterable[str], ours: Iterable[str], place: str) -> str:
    return digest(f"{place}{new} {old}" for new, old in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_names_of_diffusers_are_those_that_its_own_conversion_pairs(name: str) -> None:
    theirs = weightless(name).unet.state_dict()
    assert renamed(theirs, ldm_unet(theirs), UNET_PLACE) == NAMES[name]


def test_so_are_those_of_the_vae() -> None:
    theirs = weightless("sd14").vae.state_dict()
    assert renamed(theirs, ldm_vae(theirs), VAE_PLACE) == VAE_NAMES
