"""Simulated clusters that are real API servers: control planes of the local stack, and nodes that exist in them only.

Each managed cluster of the simulated accounts gets an API server, controllers and a scheduler of its own. What a cloud
adds to a cluster comes from one program beside each API server (`rehearsal.clusters`), which has no memory of its own:
it compares what the account and the API server say, and makes the one follow the other.

* `mode`: whether clusters are real or remembered;
* `managed_cluster`: which clusters the accounts hold;
* `control_plane`: starts and ends their API servers;
* `pools`, `machines`: which machines their node pools would have;
* `nodes`, `pods`: nodes that come and go with the pools, and what their kubelets would report;
* `ladder`, `stock`, `autoscaler`: machines for pods that wait for one, rung by rung;
* `footprints`, `outside`: what Kubernetes objects cause outside of the cluster;
* `served_kinds`: the kinds that each cloud's clusters know besides Kubernetes' own.
"""
