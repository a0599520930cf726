"""Which model a vector came from: one digest over what decides the vectors, and nothing else.

Two folders have the same fingerprint when they hold the same tensors, tokenizer, module chain, pooling, prompts and
longest input, whichever release of sentence-transformers saved them and whatever defaults it wrote down. One changed
weight bit, prompt or limit gives another one. An index refuses queries of any other fingerprint than its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from indexer.encode.folder import ModelFolder, Module, pooling_modes, read_folder
from indexer.encode.json_file import Json, read_object, settings_in
from indexer.encode.weights import Tensor, canonical_name

_FORMAT = "searchapp model fingerprint 1"
# Buffers that releases drop or add when saving, and BERT's pooler, which sentence embeddings never read and which is
# filled at random when a checkpoint lacks it; heads of other tasks, which are not loaded.
UNREAD_TENSORS = re.compile(
    r"(^|\.)(position_ids|token_type_ids|inv_freq|masked_bias)$|(^|\.)pooler\.|^(cls|lm_head|classifier)\."
)
# Settings of the architecture that change what the same tensors compute, with the value that saving may write down
# although it was not there. Sizes need no entry: the tensors' shapes say them.
_ARCHITECTURE: Json = {
    "model_type": None,
    "activation": None,
    "activation_function": None,
    "alibi_starting_size": None,
    "attn_config": None,
    "attn_logit_softcapping": None,
    "chunk_size_feed_forward": 0,
    "embedding_size": None,
    "feed_forward_proj": None,
    "feed_forward_type": None,
    "global_attn_every_n_layers": None,
    "global_rope_theta": None,
    "head_dim": None,
    "hidden_act": None,
    "hidden_activation": None,
    "is_decoder": False,
    "layer_norm_eps": None,
    "layer_norm_epsilon": None,
    "layer_norm_type": None,
    "local_attention": None,
    "local_rope_theta": None,
    "n_heads": None,
    "norm_eps": None,
    "num_attention_heads": None,
    "num_heads": None,
    "num_key_value_heads": None,
    "pad_token_id": None,
    "position_embedding_type": "absolute",
    "query_pre_attn_scalar": None,
    "relative_attention_max_distance": None,
    "relative_attention_num_buckets": None,
    "rms_norm_eps": None,
    "rope_parameters": None,
    "rope_scaling": None,
    "rope_theta": None,
    "rotary_emb_base": None,
    "sinusoidal_pos_embds": False,
    "sliding_window": None,
}


def fingerprint(folder: Path) -> str:
    """SHA-256 (hex) of the model's canonical content. Reads the weights once, a few MB at a time, without torch.

    Raises `UserError` for a folder `read_folder` refuses.
    """
    return fingerprint_of(read_folder(folder))


def fingerprint_of(model: ModelFolder) -> str:
    """The same for a folder already read."""
    digest = hashlib.sha256(_canonical(_description(model)))
    for module, weights in zip(model.modules, model.weights, strict=True):
        named = {canonical_name(tensor.name, model.config): tensor for tensor in weights.tensors}
        for name in sorted(named):
            if not UNREAD_TENSORS.search(name):
                _add_tensor(digest, f"{module.kind}/{name}", named[name])
    return digest.hexdigest()


def fingerprint_as_opened(model: ModelFolder, tokenizer: str, padding: str) -> str:
    """The fingerprint of a folder that another library opened. `tokenizer` is the JSON of the tokenizer that it made and
    `padding` the side on which it pads: where its settings files made them other than tokenizer.json says, the vectors are
    other ones too, and so is the fingerprint."""
    plain = fingerprint_of(model)
    made, side = _said_of_tokenizer(json.loads(tokenizer)), None if padding == "right" else padding
    if side is None and _canonical(made) == _canonical(_tokenizer(model.tokenizer_file)):
        return plain
    return hashlib.sha256(_canonical([plain, made, side])).hexdigest()


def _description(model: ModelFolder) -> Json:
    """Everything but the tensors, in one spelling for all releases."""
    told: Json = {
        "format": _FORMAT,
        "architecture": {
            key: model.config[key]
            for key, default in _ARCHITECTURE.items()
            if model.config.get(key) is not None and model.config[key] != default
        },
        "modules": [_module_settings(module) for module in model.modules],
        "prompts": {name: text for name, text in sorted(model.prompts.items()) if text},
        "default_prompt": model.default_prompt,
        "max_tokens": model.max_tokens,
        "tokenizer": _tokenizer(model.tokenizer_file),
    }
    return told | ({"truncate_dim": model.truncate_dim} if model.truncate_dim is not None else {})


def _module_settings(module: Module) -> Json:
    if module.kind == "Pooling":
        return {
            "kind": "Pooling",
            "modes": list(pooling_modes(module.config)),
            "include_prompt": bool(module.config.get("include_prompt", True)),
        }
    settings = dict(module.config)
    if module.kind == "Transformer":
        keep = ("do_lower_case", "query_length", "document_length", "query_expansion", "module_output_name")
        settings = {key: settings.get(key) for key in keep}
        settings["module_output_name"] = settings["module_output_name"] or "token_embeddings"
        settings |= _unusual(module.config)
    source = settings.get("module_input_name") or "sentence_embedding"
    if module.kind in ("Normalize", "Dense"):
        settings["module_input_name"] = source
        settings["module_output_name"] = settings.get("module_output_name") or source
    if "activation_function" in settings:  # torch.nn.Tanh and torch.nn.modules.activation.Tanh are one
        settings["activation_function"] = str(settings["activation_function"]).rsplit(".", 1)[-1]
    return {"kind": module.kind} | {key: value for key, value in settings.items() if value not in (None, False)}


def _unusual(config: Json) -> Json:
    """How the transformer is asked for its numbers, where that is not the usual way (which releases may write down)."""
    output = [value for key, value in settings_in(config.get("modality_config")) if key == "method_output_name"]
    found = {
        "transformer_task": (config.get("transformer_task"), "feature-extraction"),
        "processing_kwargs": (config.get("processing_kwargs"), {}),
        "method_output_name": (output, ["last_hidden_state"]),
    }
    return {key: value for key, (value, usual) in found.items() if value and value != usual}


def _tokenizer(file: Path) -> object:
    return _said_of_tokenizer(read_object(file)) if file.is_file() else None


def _said_of_tokenizer(tokenizer: Json) -> Json:
    """What of tokenizer.json decides the tokens, in one spelling for all releases: without the decoder, without the
    truncation and padding its last user left in it."""
    found = tokenizer.get("model")
    model = dict(found) if isinstance(found, dict) else {}
    if isinstance(model.get("merges"), list):  # older releases write a pair as "a b", newer ones as ["a", "b"]
        model["merges"] = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
    dropped = ("truncation", "padding", "decoder")
    kept = {key: value for key, value in tokenizer.items() if key not in dropped} | {"model": _said(model)}
    return _said(kept)


def _said(settings: Json) -> Json:
    """Without the keys that a release writes down at their default and another leaves out."""
    return {
        key: value
        for key, value in settings.items()
        if value is not None and not (value is False and key in ("ignore_merges", "byte_fallback", "fuse_unk"))
    }


def _add_tensor(digest: hashlib._Hash, name: str, tensor: Tensor) -> None:
    digest.update(_canonical([name, tensor.dtype, list(tensor.shape), tensor.end - tensor.start]))
    for chunk in tensor.chunks():
        digest.update(chunk)


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
