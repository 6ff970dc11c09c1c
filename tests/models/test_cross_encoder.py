"""The embedded cross-encoder: the same in ONNX Runtime as in PyTorch, and worth reading."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save

from rag.models.cross_encoder import MAX_TOKENS, EmbeddedCrossEncoder, cross_encoder, with_title
from rag.retrieval.rerankers import EmbeddedReranker, likeliest_sentences, load_reranker
from rag.types import Article, Passage

QUESTION = "How many people work at the plant?"
SENTENCES = [
    "The plant was opened by the minister in 1998, and it has been closed twice for repairs.",
    "The plant employs 1,200 workers.",
    "People who live beside the plant complain of its noise.",
]


def test_it_computes_what_pytorch_trained() -> None:
    import torch
    from transformers import AutoTokenizer

    from eval.training.cross_encoder import CrossEncoderModel, thinned
    from rag.models.minilm import embedded_folder

    torch.manual_seed(1)
    model = thinned(CrossEncoderModel()).eval()
    titles = ["Work at the plant", None, ""]
    tokenizer = AutoTokenizer.from_pretrained(str(embedded_folder()))
    texts = [with_title(sentence, title) for sentence, title in zip(SENTENCES, titles, strict=True)]
    pairs = tokenizer([QUESTION] * 3, texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    with torch.inference_mode():
        expected = model(pairs)[0].numpy()
    found = EmbeddedCrossEncoder(save(model.kept())).scores(QUESTION, SENTENCES, titles)
    assert found == pytest.approx(expected, abs=0.1)  # 8 bits


def test_a_student_learns_what_its_teacher_says() -> None:
    import torch
    from transformers import AutoTokenizer

    from eval.datasets.ranking_examples import RankingGroup, TitledSentence
    from eval.training.cross_encoder import CrossEncoderModel, Recipe, distil, thinned
    from rag.models.minilm import embedded_folder

    torch.manual_seed(1)
    group = RankingGroup(QUESTION, (TitledSentence(SENTENCES[1], "Work"),), tuple(map(TitledSentence, SENTENCES[::2])))
    teacher, tokenizer = CrossEncoderModel().eval(), AutoTokenizer.from_pretrained(str(embedded_folder()))
    pairs = tokenizer([QUESTION] * 3, SENTENCES, padding=True, return_tensors="pt")
    student = distil(teacher, [group], Recipe(epochs=5, rate=2e-4))
    with torch.inference_mode():
        right, before, after = (model(pairs)[1] for model in (teacher, thinned(teacher), student))
    alike = torch.nn.functional.cosine_similarity
    assert alike(after, right, dim=-1).mean() > alike(before, right, dim=-1).mean() + 0.01


def test_the_sentence_that_answers_scores_highest_in_any_company() -> None:
    scores = cross_encoder().scores(QUESTION, SENTENCES, [None] * 3)
    assert int(scores.argmax()) == 1
    assert scores[1] > 0
    alone = EmbeddedCrossEncoder().scores(QUESTION, SENTENCES[1:2], [None])
    assert np.array_equal(alone, scores[1:2])
    assert np.array_equal(cross_encoder().scores(QUESTION, SENTENCES, [None] * 3), scores)
    assert cross_encoder().scores(QUESTION, [], []).shape == (0,)


def test_the_embedded_reranker_reads_the_likeliest_sentence_of_each_passage() -> None:
    assert likeliest_sentences(QUESTION, [" ".join(SENTENCES), "No sentence end and no shared word"]) == [
        "People who live beside the plant complain of its noise.",
        "No sentence end and no shared word",
    ]
    articles = [Article(id=str(n), path=f"{n}.txt", text=text, title="The plant") for n, text in enumerate(SENTENCES)]
    passages = [Passage(article, 0, len(article.text)) for article in articles]
    reranker = load_reranker("embedded")
    assert isinstance(reranker, EmbeddedReranker)
    scores = reranker.scores(QUESTION, passages)
    assert int(scores.argmax()) == 1
    assert np.all((scores > 0) & (scores < 1))
