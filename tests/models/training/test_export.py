from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from models.training import completion, evaluation, export
from models.training.documents import Document, Kind
from service.engine.model.decoder import expected_tensors
from service.engine.model.tensor_files import TensorFiles
from service.engine.model_folder import ModelFolder

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer
    from transformers import Qwen3ForCausalLM

    from models.training.corpus import Corpus

TEXT = "def add(a,  b):\n    return [a +\tb]\n\n\nclass X: pass"


def test_transformers_loads_the_same_network(
    tiny_network: Qwen3ForCausalLM, small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    export.export(tiny_network.state_dict(), small_tokenizer, tmp_path, dtype=torch.float32)
    completer = completion.Completer(tmp_path)
    ids = completer.tokenizer(TEXT, return_tensors="pt").input_ids
    assert ids[0].tolist() == small_tokenizer.encode(TEXT).ids
    assert completer.tokenizer.decode(ids[0]) == TEXT
    with torch.inference_mode():
        torch.testing.assert_close(completer.model(ids).logits, tiny_network.eval()(ids).logits)
    assert completer.context == 512
    assert completer.model.generation_config.eos_token_id == small_tokenizer.token_to_id("<|endoftext|>")


def test_the_servers_loader_takes_it(
    tiny_network: Qwen3ForCausalLM, small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    export.export(tiny_network.state_dict(), small_tokenizer, tmp_path)
    loaded = ModelFolder.read(tmp_path)
    TensorFiles(tmp_path).require(*expected_tensors(loaded.description))
    assert loaded.description.context_tokens == 512
    assert loaded.end_token_ids == {0}
    assert not loaded.chat_template.is_fallback


def test_exporting_twice_gives_the_same_bytes(
    tiny_network: Qwen3ForCausalLM, small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    contents = []
    for name in ("one", "two"):
        export.export(tiny_network.state_dict(), small_tokenizer, tmp_path / name)
        contents.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert contents[0] == contents[1]
    assert sorted(contents[0]) == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_a_network_that_knows_nothing_has_the_vocabulary_as_its_perplexity(
    tiny_network: Qwen3ForCausalLM, small_tokenizer: Tokenizer, small_corpus: Corpus, tmp_path: Path
) -> None:
    for weight in tiny_network.parameters():
        torch.nn.init.zeros_(weight)
    export.export(tiny_network.state_dict(), small_tokenizer, tmp_path)
    documents = small_corpus.held_out[:12]
    told: list[tuple[int, int]] = []
    loss = evaluation.loss(completion.Completer(tmp_path), documents, lambda *one: told.append(one))
    lengths = [min(512, len(small_tokenizer.encode(document.text).ids) + 1) - 1 for document in documents]
    assert loss.tokens == sum(lengths)
    assert math.isclose(loss.perplexity, small_tokenizer.get_vocab_size(), rel_tol=1e-4)
    bits = loss.tokens * math.log2(small_tokenizer.get_vocab_size()) / sum(len(one.text) for one in documents)
    assert math.isclose(loss.bits_per_byte, bits, rel_tol=1e-4)
    assert told[-1] == (12, 12)


def test_the_loss_of_a_document_is_that_of_the_network_alone(
    tiny_network: Qwen3ForCausalLM, small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    torch.nn.init.normal_(tiny_network.model.embed_tokens.weight)
    export.export(tiny_network.state_dict(), small_tokenizer, tmp_path, dtype=torch.float32)
    texts = [TEXT, "x = 1\n", TEXT * 3]
    documents = [Document(Kind.FUNCTION, "f", text, text) for text in texts]
    measured = evaluation.loss(completion.Completer(tmp_path), documents, lambda *_: None)
    expected = 0.0
    for text in texts:
        ids = torch.tensor([[*small_tokenizer.encode(text).ids, 0]])
        expected += tiny_network.eval()(ids, labels=ids).loss.item() * (ids.shape[1] - 1)
    assert math.isclose(measured.nats, expected, rel_tol=1e-4)
