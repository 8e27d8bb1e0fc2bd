"""A network, a key, a bucket and a cluster's beginning: what most programs for AWS start with."""

import pulumi
import pulumi_aws as aws

identity = aws.get_caller_identity()
zones = aws.get_availability_zones(state="available")
tags = {"project": "rehearsed"}
vpc = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16", enable_dns_hostnames=True, tags=tags)
subnets = [
    aws.ec2.Subnet(f"private-{zone}", vpc_id=vpc.id, cidr_block=f"10.0.{place}.0/24", availability_zone=zone, tags=tags)
    for place, zone in enumerate(zones.names)
]
key = aws.kms.Key("storage", description="weights", enable_key_rotation=True, tags=tags)
bucket = aws.s3.Bucket("weights", bucket=f"weights-{identity.account_id}", tags=tags)
aws.s3.BucketServerSideEncryptionConfiguration(
    "weights",
    bucket=bucket.bucket,
    rules=[
        aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
            apply_server_side_encryption_by_default=aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                sse_algorithm="aws:kms", kms_master_key_id=key.arn
            ),
            bucket_key_enabled=True,
        )
    ],
)
role = aws.iam.Role("cluster", assume_role_policy='{"Version":"2012-10-17","Statement":[]}')
cluster = aws.eks.Cluster(
    "cluster",
    role_arn=role.arn,
    vpc_config=aws.eks.ClusterVpcConfigArgs(subnet_ids=[subnet.id for subnet in subnets], endpoint_private_access=True),
)
secret = aws.ssm.Parameter("secret", type="SecureString", value=pulumi.Output.secret("canary-of-this-test"))
pulumi.export("endpoint", cluster.endpoint)
pulumi.export("authority", cluster.certificate_authority.data)
pulumi.export("bucket", bucket.arn)
pulumi.export("key", key.arn)
