"""Load on a model server or an engine: workloads, an open-loop client, and what was measured.

`workloads` says what is asked, `arrivals` when; `openai_client` asks over HTTP and `engine_run` in process; `outcome`
holds what came of each request, and `summary` what that means together.
"""
