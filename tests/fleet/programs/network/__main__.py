"""A network, a key and a bucket under the product's tags: every way in which a resource is found again."""

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.scope import Scope

stack = pulumi.get_stack()
cidr = pulumi.Config().require("cidr")
scope = Scope(stack, "111122223333", "us-east-1", "test", tags={"modelfleet-stack": stack})
provider = aws.Provider("aws", region=scope.region, allowed_account_ids=[scope.account])
inside = pulumi.ResourceOptions(provider=provider, transformations=[scope.tagging])

network = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16", tags={}, opts=inside)
aws.ec2.VpcIpv4CidrBlockAssociation("pods", vpc_id=network.id, cidr_block="100.64.0.0/16", opts=inside)
gateway = aws.ec2.InternetGateway("gateway", vpc_id=network.id, tags={}, opts=inside)
subnet = aws.ec2.Subnet("nodes", vpc_id=network.id, cidr_block=cidr, tags={}, opts=inside)
table = aws.ec2.RouteTable("public", vpc_id=network.id, tags={}, opts=inside)
aws.ec2.Route("out", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id, opts=inside)
aws.ec2.RouteTableAssociation("nodes", route_table_id=table.id, subnet_id=subnet.id, opts=inside)
key = aws.kms.Key("storage", description="weights", enable_key_rotation=True, tags={}, opts=inside)
aws.kms.Alias("storage", name=f"alias/{scope.name()}", target_key_id=key.key_id, opts=inside)
bucket = aws.s3.Bucket("weights", bucket=scope.bucket_name("weights"), tags={}, opts=inside)
aws.s3.BucketVersioning("weights", bucket=bucket.id, versioning_configuration={"status": "Enabled"}, opts=inside)
