"""A sentence embedder (Sentence-BERT, 1908.10084): BERT, the mean of its last states, at length 1."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize
from transformers import BertModel, PreTrainedTokenizerFast

from trainer.llm.saved_weights import load_weights

# Texts in one pass.
_BATCH = 32


class SentenceEmbedder:
    """BERT in a folder of sentence-transformers, with mean pooling and normalisation. Float32, on the CPU."""

    def __init__(self, folder: Path, most_tokens: int) -> None:
        """Load it. Of a text, the first `most_tokens` count, with those that BERT sets around it.

        Raises OSError when a file is missing.
        """
        self._model = load_weights(BertModel, folder, torch.float32)
        self._model.requires_grad_(False).train(False)
        # The library's own tokenizer: it is set once, and then used by several threads.
        self._tokenizer = PreTrainedTokenizerFast(
            tokenizer_file=str(folder / "tokenizer.json")
        ).backend_tokenizer
        self._tokenizer.enable_truncation(most_tokens)
        self._tokenizer.enable_padding()

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [texts, hidden]."""
        vectors = torch.empty(len(texts), self._model.config.hidden_size)
        # Texts of about the same length share a pass, which is as long as the longest.
        order = sorted(range(len(texts)), key=lambda number: -len(texts[number]))
        for start in range(0, len(texts), _BATCH):
            places = order[start : start + _BATCH]
            read = self._tokenizer.encode_batch([texts[place] for place in places])
            tokens = torch.tensor([each.ids for each in read])
            mask = torch.tensor([each.attention_mask for each in read])
            states = self._model(input_ids=tokens, attention_mask=mask).last_hidden_state
            weight = mask[:, :, None].to(states.dtype)
            vectors[places] = normalize((states * weight).sum(1) / weight.sum(1))
        found: NDArray[np.float32] = vectors.numpy()
        return found
