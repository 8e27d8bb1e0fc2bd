"""Simulated clouds for the real Pulumi engine: what a stack would make, without an account and without credentials.

The engine, the program and the state are real. In place of the clouds' own plugins it finds ours, which say in every
resource that they are simulated. From the border inwards:

* `provider`: the plugin that the engine talks to, the same for each cloud;
* `guard`: why a plugin refuses to work outside of a rehearsal;
* `account`: what a simulated account holds, kept between processes;
* `table`, `template`: the language in which a cloud is described;
* `aws`, `azure`, `gcp`, `kubernetes`: the tables (ids, computed outputs, replacement, names, functions);
* `clusters`: managed clusters that are real API servers, with simulated nodes;
* `dependents`: what holds a resource, so that it can't be deleted yet;
* `troubled`: what happens around every call: `journal`, `clock` and `schedule` (time), `scenario` and `mishaps`
  (faults), `settling` (what isn't seen yet), in each cloud's `manners`; `drift` is made past the engine;
* `sdk_schema`, `sdk_reader`: what the Python SDKs publish about each type;
* `inputs` and what it joins: whether an input is one that the cloud would take;
* `world`: the folder in which a rehearsal happens, and the environment in which the engine runs there.
"""
