"""The embedded encoder: what goes in and out, quietly, without a network, from any thread."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers.util import get_device_name

from rag.errors import ConfigError
from rag.ingest.chunking import split
from rag.ingest.cleaning import clean
from rag.ingest.loaders import Source, SourceFile, read_file
from rag.models.base import Encoder, encoder_name, has_bfloat16
from rag.models.minilm import BATCH_SIZE, MiniLM, embedded_folder, read_weights, word_vectors
from rag.models.openvino import OpenVino
from rag.models.registry import load_encoder
from rag.models.sentence_transformers import load_sentence_encoder
from rag.types import Article
from tests.conftest import SEEDS

SENTENCES = [
    "Over 75% of Canadian exports go to the United States.",
    "Most of what Canada sells abroad is bought by Americans.",
    "The recipe needs two eggs and a spoon of sugar.",
]


def test_embedded_encoder_gives_unit_vectors_that_know_what_words_mean(encoder: Encoder) -> None:
    vectors = encoder.encode(SENTENCES)
    assert (encoder.name, encoder.dimension) == ("all-MiniLM-L6-v2", 384)
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    cosines = vectors @ vectors[0]
    assert cosines[1] > 0.6 > 0.2 > cosines[2]


def test_a_text_has_one_vector_whatever_is_encoded_beside_it(encoder: Encoder) -> None:
    company = [f"{sentence} {'and more ' * n}" for n, sentence in enumerate(SENTENCES * 15)]
    together = encoder.encode(company)
    for n in (0, 1, 44):
        np.testing.assert_allclose(together[n], encoder.encode([company[n]])[0], atol=1e-6)


def test_vectors_are_those_of_sentence_transformers(encoder: Encoder) -> None:
    texts = [*SENTENCES, "", "A long one. " + "Talks went on about steel, autos and lumber. " * 60]
    theirs = load_sentence_encoder("minilm")
    assert (theirs.name, theirs.dimension) == (encoder.name, encoder.dimension)
    np.testing.assert_allclose(encoder.encode(texts), theirs.encode(texts), atol=2e-6)
    for ours, other in zip(encoder.encode_tokens(texts), theirs.encode_tokens(texts), strict=True):
        np.testing.assert_array_equal(ours.spans, other.spans)
        np.testing.assert_allclose(ours.vectors, other.vectors, atol=2e-5)


def test_the_graphs_are_what_their_script_writes() -> None:
    from eval.training.onnx_graphs import DATA, graphs

    shipped = {path.name: path.read_bytes() for path in DATA.glob("*.onnx")}
    assert shipped == graphs()


def test_the_word_vectors_are_held_once() -> None:
    folder = embedded_folder()
    assert read_weights(folder)["words"] is word_vectors(folder)


def test_a_file_of_other_weights_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"no weights")
    with pytest.raises(ConfigError, match=f"{path} does not hold all-MiniLM-L6-v2"):
        read_weights(tmp_path)


def test_many_texts_go_to_what_is_fastest_here(monkeypatch: pytest.MonkeyPatch) -> None:
    has = {"device": False, "cuda": False, "mps": False, "openvino": False, "bfloat16": False}
    monkeypatch.setattr("rag.models.registry._gpu_likely", lambda: has["device"])
    monkeypatch.setattr("torch.cuda.is_available", lambda: has["cuda"])
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: has["mps"])
    monkeypatch.setattr("rag.models.registry.find_spec", lambda name: has[name] or None)
    monkeypatch.setattr("rag.models.registry.has_bfloat16", lambda: has["bfloat16"])
    monkeypatch.setattr("rag.models.openvino.OpenVino", lambda weights: "openvino")
    monkeypatch.setattr("rag.models.sentence_transformers.load_sentence_encoder", lambda name, half=False: (name, half))

    def engine(many: bool = True) -> object:
        loaded: Any = load_encoder("minilm", many)
        return type(loaded._states).__name__ if isinstance(loaded, MiniLM) else loaded

    assert engine() == "OnnxRuntime"
    has["bfloat16"] = True
    assert engine() == ("minilm", True)
    has["openvino"] = True
    assert engine() == "str"
    has["device"] = True
    assert engine() == "str"  # a PyTorch for CPUs alone does not see the GPU
    for gpu in ("cuda", "mps"):
        has |= {"cuda": False, "mps": False, gpu: True}
        assert engine() == ("minilm", False)
        assert get_device_name().split(":")[0] == gpu  # where a model goes by itself
        assert engine(many=False) == "OnnxRuntime"


@pytest.fixture(params=["openvino", "torch"])
def bulk(request: pytest.FixtureRequest) -> Encoder:
    """What encodes many texts, in bfloat16."""
    if request.param == "openvino":
        pytest.importorskip("openvino", reason="openvino is not installed: pip install -e '.[fast]'")
    if not has_bfloat16():
        pytest.skip("the CPU has no bfloat16")
    return MiniLM(OpenVino) if request.param == "openvino" else load_sentence_encoder("minilm", half=True)


def test_vectors_of_many_texts_agree_with_float32(encoder: Encoder, bulk: Encoder) -> None:
    texts = [passage.text for path in sorted(SEEDS.glob("*.txt")) for passage in split(_article(path))]
    texts += [*SENTENCES, "", "A long one. " + "Talks went on about steel, autos and lumber. " * 60]
    found = bulk.encode(texts)
    assert (bulk.name, bulk.dimension) == (encoder.name, encoder.dimension)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    cosines = (found * encoder.encode(texts)).sum(axis=1)
    assert len(cosines) > 20
    assert cosines.mean() > 0.9999
    assert cosines.min() > 0.999
    for ours, other in zip(bulk.encode_tokens(SENTENCES), encoder.encode_tokens(SENTENCES), strict=True):
        np.testing.assert_array_equal(ours.spans, other.spans)
        assert (ours.vectors * other.vectors).sum(axis=1).min() > 0.999


def _article(path: Path) -> Article:
    source = next(iter(read_file(SourceFile(path.name, path))))
    assert isinstance(source, Source)
    return clean(source)


def test_openvino_in_float32_gives_the_same_vectors(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed: pip install -e '.[fast]'")
    monkeypatch.setattr("rag.models.openvino.has_bfloat16", lambda: False)
    texts = [*SENTENCES, "", "A long one. " + "Talks went on about steel, autos and lumber. " * 60]
    np.testing.assert_allclose(MiniLM(OpenVino).encode(texts), encoder.encode(texts), atol=5e-6)


def test_openvino_needs_no_torch_and_calls_nobody() -> None:
    pytest.importorskip("openvino", reason="openvino is not installed: pip install -e '.[fast]'")
    program = """
import socket, sys
def refuse(*_): raise AssertionError("a connection was tried")
socket.socket.connect = socket.getaddrinfo = refuse
from rag.models.minilm import MiniLM
from rag.models.openvino import OpenVino
MiniLM(OpenVino).encode(["word"])
print([name for name in ("torch", "transformers", "onnx") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor: 0\nflags\t\t: fpu avx512f avx512_bf16 sse\n", True),
        ("flags\t\t: fpu amx_bf16\n", True),
        ("flags\t\t: fpu avx2\nbugs\t\t: avx512_bf16\n", False),
        ("Features\t: fp asimd bf16\n", False),
    ],
)
def test_a_cpu_says_whether_it_has_bfloat16(cpuinfo: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: cpuinfo)
    assert has_bfloat16() is expected


def test_no_texts_give_no_vectors(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, 384)
    assert encoder.encode_tokens([]) == []


def test_progress_counts_the_texts_that_are_done(encoder: Encoder) -> None:
    seen: list[int] = []
    count = BATCH_SIZE * BATCH_SIZE * 2 * (os.cpu_count() or 1) + 1  # enough for whole batches
    encoder.encode(["word"] * count, seen.append)
    assert seen == [*range(BATCH_SIZE, count, BATCH_SIZE), count]
    seen.clear()
    encoder.encode(["word"] * 3, seen.append)  # a few go one by one
    assert seen == [1, 2, 3]


def test_token_spans_point_into_the_text(encoder: Encoder) -> None:
    long, short = "Marc-André said “over 75%”.", "Yes"
    tokens = encoder.encode_tokens([short, long, ""])
    words = [[text[a:b] for a, b in found.spans] for text, found in zip([short, long, ""], tokens, strict=True)]
    assert words == [["Yes"], ["Marc", "-", "André", "said", "“", "over", "75", "%", "”", "."], []]
    assert [found.vectors.shape for found in tokens] == [(1, 384), (10, 384), (0, 384)]
    np.testing.assert_allclose(np.linalg.norm(tokens[1].vectors, axis=1), 1, atol=1e-6)


def test_tokens_beyond_what_the_model_reads_are_left_out(encoder: Encoder) -> None:
    (found,) = encoder.encode_tokens(["word " * 1000])
    assert len(found.spans) == 256 - 2  # the model reads 256 tokens, two of them its own


def test_one_encoder_serves_many_threads(encoder: Encoder) -> None:
    alone = encoder.encode(SENTENCES)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: (encoder.encode(SENTENCES), encoder.encode_tokens(SENTENCES)), range(24)))
    for vectors, tokens in results:
        np.testing.assert_allclose(vectors, alone, atol=1e-6)
        assert len(tokens) == 3


def test_loading_is_quiet_and_needs_no_network(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    load_encoder().encode(SENTENCES)
    assert capfd.readouterr() == ("", "")


def test_a_model_that_is_not_there_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"cannot load the encoder '{tmp_path}'.*or use `minilm`"):
        load_encoder(str(tmp_path))


def test_a_model_is_not_fetched_when_the_hub_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(ConfigError, match=r"'no-such/model'.*not on this machine.*or use `minilm`"):
        load_encoder("no-such/model")


def test_the_embedded_model_has_one_name_however_it_is_called() -> None:
    names = [encoder_name(name) for name in ("minilm", "all-MiniLM-L6-v2", "other/model")]
    assert names == ["all-MiniLM-L6-v2", "all-MiniLM-L6-v2", "other/model"]


def test_importing_loads_no_model_library() -> None:
    heavy = ("torch", "onnxruntime", "openvino", "faiss", "tantivy", "transformers", "trafilatura")
    program = f"import rag.retrieval.hybrid, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_embedded_encoder_needs_no_torch() -> None:
    program = "import rag.models.registry as e, sys; e.load_encoder().encode(['word']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
