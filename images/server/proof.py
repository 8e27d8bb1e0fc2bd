# ruff: noqa: INP001 - a program of a build stage, no module of a package
"""Runs while the server's image is built: does with the installed packages what the server will do with them.

A package that is missing, or a torch whose libraries don't fit together, fails the build here. What this imports is
compiled into the image, so that it need not be compiled at every start.
"""

import importlib

import torch
from transformers import AutoModelForCausalLM, Qwen3Config

_ALSO_NEEDED = (
    "fastapi",
    "httptools",
    "jinja2.sandbox",
    "llguidance.numpy",
    "obstore.store",
    "prometheus_client",
    "pydantic_settings",
    "safetensors.torch",
    "structlog",
    "tokenizers",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama",
    "transformers.models.qwen2.modeling_qwen2",
    "uvicorn.protocols.http.h11_impl",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)
_NEW_TOKENS = 4


def main() -> None:
    """Import what the server imports and generate with a tiny model of random weights."""
    for name in _ALSO_NEEDED:
        importlib.import_module(name)
    config = Qwen3Config(
        vocab_size=300,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    prompt = torch.tensor([[1, 2, 3]])
    generated = model.generate(prompt, max_new_tokens=_NEW_TOKENS, min_new_tokens=_NEW_TOKENS, do_sample=False)
    if generated.shape != (1, prompt.shape[1] + _NEW_TOKENS):
        raise SystemExit(f"generation gave {tuple(generated.shape)}")
    # Says no where there is no driver, instead of failing: the CPU image has the real runtime library for this.
    torch.cuda.is_available()


main()
