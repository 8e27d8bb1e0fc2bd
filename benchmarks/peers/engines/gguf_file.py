"""The model as a GGUF file, written with the format's own package (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write(model: Path, file: Path, variant: str) -> None:
    """Writes a Qwen3 model's weights as ``variant`` (F16 or Q8_0), without a tokenizer; norms stay fp32."""
    gguf = importlib.import_module("gguf")
    kind = gguf.GGMLQuantizationType[variant]
    config = json.loads((model / "config.json").read_text("utf-8"))
    staged = file.with_suffix(".part")
    writer = gguf.GGUFWriter(staged, "qwen3")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("none")
    tensors = importlib.import_module("safetensors.torch")  # numpy knows no bfloat16
    for name, tensor in tensors.load_file(model / "model.safetensors").items():
        floats = tensor.float().numpy()
        if floats.ndim == 1:
            writer.add_tensor(_name(name), floats)
        else:
            writer.add_tensor(_name(name), gguf.quants.quantize(floats, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    staged.rename(file)


def _name(name: str) -> str:
    """What GGUF calls a tensor."""
    match name.removesuffix(".weight").split(".", 3):
        case ["model", "embed_tokens"]:
            return "token_embd.weight"
        case ["model", "norm"]:
            return "output_norm.weight"
        case ["model", "layers", layer, part]:
            return f"blk.{layer}.{_LAYER_NAMES[part]}.weight"
    raise ValueError(f"{name}: no tensor of a Qwen3 model with tied embeddings")
