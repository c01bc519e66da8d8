"""Texts as token ids: the tokenizer, stores of token ids on disk, and pairs packed from them."""
