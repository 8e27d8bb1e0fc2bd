"""A network, a key ring that can't be deleted, a bucket, a cluster and a pool."""

import pulumi
import pulumi_gcp as gcp

project = gcp.organizations.get_project()
network = gcp.compute.Network("network", name="rehearsed", auto_create_subnetworks=False)
subnet = gcp.compute.Subnetwork(
    "nodes", name="nodes", network=network.id, ip_cidr_range="10.0.0.0/20", private_ip_google_access=True
)
ring = gcp.kms.KeyRing("ring", name="rehearsed", location="europe-west4")
key = gcp.kms.CryptoKey("storage", name="storage", key_ring=ring.id, rotation_period="7776000s")
bucket = gcp.storage.Bucket(
    "weights",
    name="weights-rehearsed",
    location="EUROPE-WEST4",
    uniform_bucket_level_access=True,
    public_access_prevention="enforced",
    encryption=gcp.storage.BucketEncryptionArgs(default_kms_key_name=key.id),
)
cluster = gcp.container.Cluster(
    "cluster",
    name="rehearsed",
    location="europe-west4",
    network=network.id,
    subnetwork=subnet.id,
    initial_node_count=1,
    remove_default_node_pool=True,
    deletion_protection=False,
    control_plane_endpoints_config=gcp.container.ClusterControlPlaneEndpointsConfigArgs(
        dns_endpoint_config=gcp.container.ClusterControlPlaneEndpointsConfigDnsEndpointConfigArgs(
            allow_external_traffic=True
        )
    ),
)
pool = gcp.container.NodePool(
    "l4",
    name="l4-a1b2c3",
    cluster=cluster.name,
    location="europe-west4",
    node_config=gcp.container.NodePoolNodeConfigArgs(
        machine_type="g2-standard-4",
        guest_accelerators=[gcp.container.NodePoolNodeConfigGuestAcceleratorArgs(type="nvidia-l4", count=1)],
    ),
)
pulumi.export("endpoint", cluster.control_plane_endpoints_config.dns_endpoint_config.endpoint)
pulumi.export("authority", cluster.master_auth.cluster_ca_certificate)
pulumi.export("number", project.number)
pulumi.export("bucket", bucket.url)
