"""ALiBi BERT: a BERT without position embeddings that reads texts longer than those it was trained on.

The encoder of JinaBERT (Günther et al. 2023, arXiv 2310.19923): word embeddings, then layers of attention with a distance
penalty (`alibi`) and a gated feed-forward part, each followed by its residual sum and layer norm. Sentence vectors are
the mean over tokens, which sentence-transformers' Pooling takes. Ours, where the paper is silent or we chose: no token
types, no dropout on attention weights (it would rule out the fast kernels), biases in every linear layer, inner width
4 × hidden, which with BERT's vocabulary gives about 33, 137 and 435 million parameters.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu, relu
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutput, MaskedLMOutput

from indexer.architectures.alibi import Penalty, attend
from indexer.architectures.masked_head import MaskedHead
from indexer.errors import UserError

# GEGLU and ReGLU: Shazeer 2020, arXiv 2002.05202
GATES: dict[str, Callable[[Tensor], Tensor]] = {"gelu": gelu, "relu": relu}


class AlibiBertConfig(PreTrainedConfig):  # type: ignore[misc]
    """Sizes and settings; `hidden_act` is the gate of the feed-forward part: `gelu` (small, base) or `relu` (large).

    There is no longest input among them: the tokenizer's `model_max_length` says where texts are cut.
    """

    model_type = "alibi_bert"
    vocab_size: int = 30522
    hidden_size: int = 512
    num_hidden_layers: int = 4
    num_attention_heads: int = 8
    intermediate_size: int = 2048
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02
    pad_token_id: int | None = 0
    tie_word_embeddings: bool = True


class Attention(nn.Module):
    """Self-attention in both directions, weaker with distance."""

    def __init__(self, config: AlibiBertConfig) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, states: Tensor, penalty: Penalty) -> Tensor:
        """[batch, n, hidden] → the same."""
        query, key, value = (self._by_head(layer(states)) for layer in (self.query, self.key, self.value))
        mixed: Tensor = self.dense(attend(query, key, value, penalty).transpose(1, 2).flatten(2))
        return mixed

    def _by_head(self, states: Tensor) -> Tensor:
        return states.view(*states.shape[:2], self.heads, -1).transpose(1, 2)  # [batch, heads, n, width]


class FeedForward(nn.Module):
    """dense(act(gate(x)) · up(x))."""

    def __init__(self, config: AlibiBertConfig) -> None:
        super().__init__()
        self.act = GATES[config.hidden_act]
        self.gate = nn.Linear(config.hidden_size, config.intermediate_size)
        self.up = nn.Linear(config.hidden_size, config.intermediate_size)
        self.dense = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, states: Tensor) -> Tensor:
        """[batch, n, hidden] → the same."""
        mixed: Tensor = self.dense(self.act(self.gate(states)) * self.up(states))
        return mixed


class Layer(GradientCheckpointingLayer):  # type: ignore[misc]
    """Attention, then feed-forward; after each the residual sum and its layer norm (post-layernorm)."""

    def __init__(self, config: AlibiBertConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.feed_forward = FeedForward(config)
        self.feed_forward_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, states: Tensor, penalty: Penalty) -> Tensor:
        """[batch, n, hidden] → the same."""
        states = self.attention_norm(states + self.dropout(self.attention(states, penalty)))
        normed: Tensor = self.feed_forward_norm(states + self.dropout(self.feed_forward(states)))
        return normed


class Embeddings(nn.Module):
    """A vector per token, normed; nothing says where the token stands."""

    def __init__(self, config: AlibiBertConfig) -> None:
        super().__init__()
        self.words = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
        """Token ids [batch, n], or vectors in their place → [batch, n, hidden]."""
        states: Tensor = self.dropout(self.norm(self.words(input_ids) if inputs_embeds is None else inputs_embeds))
        return states


class AlibiBertPreTrained(PreTrainedModel):  # type: ignore[misc]
    """What transformers wants to know of both models below."""

    config: AlibiBertConfig
    config_class = AlibiBertConfig
    base_model_prefix = "alibi_bert"
    _input_embed_layer = "words"  # where get_input_embeddings looks, within `embeddings`
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ("Layer",)
    _keys_to_ignore_on_load_unexpected = (r"^cls\.",)  # the encoder alone, of a folder saved with its head


class AlibiBertModel(AlibiBertPreTrained):
    """The encoder. Raises UserError for settings it does not have."""

    def __init__(self, config: AlibiBertConfig) -> None:
        _refuse(config)
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> BaseModelOutput | tuple[Tensor, ...]:
        """Token ids [batch, n] and a mask [batch, n] that is 0 at padding → `last_hidden_state` [batch, n, hidden].

        `token_type_ids`, which BERT's tokenizers give, are not looked at: this model has no token types."""
        states = self.embeddings(input_ids, inputs_embeds)
        penalty = Penalty.of(states, attention_mask, self.config.num_attention_heads)
        each = [states]
        for layer in self.layers:
            each.append(layer(each[-1], penalty))
        shown = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        found = BaseModelOutput(last_hidden_state=each[-1], hidden_states=tuple(each) if shown else None)
        return found.to_tuple() if return_dict is False else found


class AlibiBertForMaskedLM(AlibiBertPreTrained):
    """The encoder with the head that guesses masked words."""

    _tied_weights_keys = {"cls.decoder.weight": "alibi_bert.embeddings.words.weight"}  # noqa: RUF012 — transformers' own

    def __init__(self, config: AlibiBertConfig) -> None:
        super().__init__(config)
        self.alibi_bert = AlibiBertModel(config)
        self.cls = MaskedHead(config.hidden_size, config.vocab_size, config.layer_norm_eps)
        self.post_init()

    def get_output_embeddings(self) -> nn.Linear:
        """The layer that scores words."""
        return self.cls.decoder

    def set_output_embeddings(self, value: nn.Linear) -> None:
        """Another in its place."""
        self.cls.decoder = value

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
    ) -> MaskedLMOutput | tuple[Tensor, ...]:
        """`logits` [batch, n, vocabulary]; with labels [batch, n], −100 where nothing is asked, their mean `loss`."""
        states = self.alibi_bert(input_ids, attention_mask, inputs_embeds=inputs_embeds).last_hidden_state
        logits = self.cls(states)
        loss = None if labels is None else cross_entropy(logits.flatten(0, 1), labels.flatten())
        found = MaskedLMOutput(loss=loss, logits=logits)
        return found.to_tuple() if return_dict is False else found


def _refuse(config: AlibiBertConfig) -> None:
    if config.hidden_act not in GATES:
        raise UserError("ALiBi BERT has no such gate.", f"hidden_act = {config.hidden_act!r}", "give `gelu` or `relu`")
    if config.hidden_size % config.num_attention_heads:
        given = f"hidden_size {config.hidden_size}, num_attention_heads {config.num_attention_heads}"
        raise UserError("The heads of ALiBi BERT do not share its width evenly.", given, "give a multiple of the heads")
