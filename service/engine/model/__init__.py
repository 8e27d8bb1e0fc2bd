"""Decoders: from ``config.json`` and safetensors to a function from packed tokens to logits."""
