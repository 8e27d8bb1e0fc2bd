"""How models/demo-coder was made: corpus, tokenizer, architecture, training, evaluation, card."""
