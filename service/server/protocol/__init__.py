"""OpenAI's request and response bodies, as far as they are served, checked strictly.

A field that OpenAI knows and this server doesn't honour is refused by name rather than ignored: a client that
asked for a tool call should not get something else without a word. So is a field that nobody knows: it is a misspelt
one more often than not. Fields that change nothing in the answer (``user``, ``metadata`` …) are accepted.

Meaning and ranges: https://platform.openai.com/docs/api-reference/chat/create and …/completions/create;
``top_k``, ``min_p``, ``repetition_penalty``, ``ignore_eos`` and ``cache_salt`` are vLLM's extensions, as are
``/tokenize`` and ``/detokenize`` (https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html).
"""
