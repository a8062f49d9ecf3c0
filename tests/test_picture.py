"""The workflow in a picture."""

import io
import json
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nodegraph.picture import BadPicture, workflow_in
from tests.cli.toy_nodes import chunk, png

DOCUMENT = {"nodegraph": 1, "nodes": {"a": {"type": "Text", "values": {"text": "grün"}}}}
TEXT = json.dumps(DOCUMENT)


def with_chunk(kind: bytes, data: bytes) -> bytes:
    plain = png({})
    end = plain.index(b"IDAT") - 4
    return plain[:end] + chunk(kind, data) + plain[end:]


@pytest.mark.parametrize(
    "picture",
    [
        png({"nodegraph": TEXT}),
        png({"prompt": TEXT}),
        png({"workflow": "not JSON", "prompt": TEXT}),
        png({"workflow": '{"last_node_id": 3}', "nodegraph": TEXT}),
        with_chunk(b"tEXt", b"nodegraph\0" + TEXT.encode()),
        with_chunk(b"zTXt", b"nodegraph\0\0" + zlib.compress(TEXT.encode())),
        with_chunk(b"iTXt", b"nodegraph\0\1\0en\0Arbeit\0" + zlib.compress(TEXT.encode())),
    ],
)
def test_a_native_document_is_found_in_every_kind_of_text_chunk(picture: bytes) -> None:
    assert workflow_in(picture) == DOCUMENT


def test_a_picture_of_comfyui_gives_the_workflow_that_ran_rather_than_its_drawing() -> None:
    ran: dict[str, object] = {"3": {"class_type": "KSampler", "inputs": {"seed": 1}}}
    drawn: dict[str, object] = {"nodes": [3], "links": [4]}
    texts = {"workflow": json.dumps(drawn), "prompt": json.dumps(ran)}
    assert workflow_in(png(texts)) == ran
    assert workflow_in(png({"workflow": texts["workflow"]})) == drawn
    assert workflow_in(png({**texts, "nodegraph": TEXT})) == DOCUMENT


@pytest.mark.parametrize("text", ["a frog", "grün", "青い蛙"])
def test_what_pillow_writes_is_read(text: str) -> None:
    said = PngInfo()
    said.add_text("nodegraph", json.dumps({"nodegraph": 1, "nodes": {text: {}}}, ensure_ascii=False))
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "PNG", pnginfo=said)
    assert workflow_in(file.getvalue())["nodes"] == {text: {}}


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (png({}), "carries no workflow"),
        (png({"prompt": '{"3": {"type": "KSampler"}}'}), "carries no workflow"),
        (png({"nodegraph": TEXT})[:-30], "cut short"),
        (png({"nodegraph": TEXT}).replace(b"Text", b"Test"), "damaged"),
        (with_chunk(b"zTXt", b"nodegraph\0\0 not compressed"), "damaged"),
        (b"GIF89a", "not a PNG"),
    ],
)
def test_a_picture_without_a_readable_workflow_says_why(picture: bytes, says: str) -> None:
    with pytest.raises(BadPicture, match=says):
        workflow_in(picture)


def test_text_that_grows_when_decompressed_is_refused() -> None:
    bomb = zlib.compress(b"\0" * (64 << 20))
    with pytest.raises(BadPicture, match="over 32 MiB"):
        workflow_in(with_chunk(b"zTXt", b"nodegraph\0\0" + bomb))


@given(st.binary(max_size=300))
def test_no_bytes_after_the_signature_do_more_than_be_refused(noise: bytes) -> None:
    with pytest.raises(BadPicture):
        workflow_in(b"\x89PNG\r\n\x1a\n" + noise)


@given(st.data())
def test_no_changed_byte_of_a_picture_does_more_than_be_refused(data: st.DataObject) -> None:
    picture = bytearray(png({"nodegraph": TEXT}))
    picture[data.draw(st.integers(8, len(picture) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BadPicture):
        assert workflow_in(bytes(picture)) == DOCUMENT
