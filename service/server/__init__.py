"""The model server: OpenAI's HTTP API over one engine."""
