"""AWS's resource types: ids, ARNs, what is computed, what can't change in place, what names a resource.

Sources: each service's API reference for id formats, and the service authorization reference for ARN formats
(https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html).
A host name ends with `simulated.invalid`, a domain that never exists (RFC 6761), so that nothing can call it.
"""

from collections.abc import Mapping
from typing import Any, Final

from rehearsal.aws.network_resources import NETWORK_ROWS
from rehearsal.table import Row
from rehearsal.template import From, Merged

COMMON_OUTPUTS: Final[Mapping[str, Any]] = {
    "tagsAll": Merged(("config.defaultTags.tags", "tags")),
    "region": "{region}",
    "ownerId": "{account}",
}


def _arn(service: str, resource: str) -> dict[str, str]:
    return {"arn": f"arn:aws:{service}:{{region}}:{{account}}:{resource}"}


def _global_arn(service: str, resource: str) -> dict[str, str]:
    return {"arn": f"arn:aws:{service}::{{account}}:{resource}"}


_IN_CLUSTER: Final = "aws:eks/cluster:Cluster {clusterName}"
_BUCKET_PART: Final = Row(id="{bucket}", replaces=("bucket",))
_KEY: Final = _arn("kms", "key/{id}") | {"keyId": "{id}", "multiRegion": False}

ROWS: Final[Mapping[str, Row]] = {
    **NETWORK_ROWS,
    # Keys
    "aws:kms/key:Key": Row(
        id="{uuid:key}",
        outputs=_KEY | {"isEnabled": True, "keyUsage": "ENCRYPT_DECRYPT", "rotationPeriodInDays": 365},
        replaces=("customerMasterKeySpec", "keyUsage", "multiRegion"),
    ),
    "aws:kms/replicaKey:ReplicaKey": Row(
        id="mrk-{hex:32}",
        outputs=_KEY | {"keyUsage": "ENCRYPT_DECRYPT"},
        replaces=("primaryKeyArn",),
    ),
    "aws:kms/alias:Alias": Row(
        id="{name}", name="name", outputs=_arn("kms", "{name}") | {"targetKeyArn": From("targetKeyId")}
    ),
    "aws:kms/keyPolicy:KeyPolicy": Row(id="{keyId}", replaces=("keyId",)),
    "aws:kms/grant:Grant": Row(id="{keyId}:{hex:64}", outputs={"grantId": "{hex:64}"}, replaces=("keyId",)),
    # Storage
    "aws:s3/bucket:Bucket": Row(
        id="{bucket}",
        name="bucket",
        outputs={
            "arn": "arn:aws:s3:::{bucket}",
            "bucketRegion": "{region}",
            "bucketDomainName": "{bucket}.s3.simulated.invalid",
            "bucketRegionalDomainName": "{bucket}.s3.{region}.simulated.invalid",
            "hostedZoneId": "Z{capitals:13}",
        },
        replaces=("objectLockEnabled",),
        everywhere=True,
    ),
    **{
        f"aws:s3/{part[0].lower()}{part[1:]}:{part}": _BUCKET_PART
        for part in (
            "BucketVersioning",
            "BucketServerSideEncryptionConfiguration",
            "BucketPublicAccessBlock",
            "BucketPolicy",
            "BucketOwnershipControls",
            "BucketLogging",
            "BucketLifecycleConfiguration",
            "BucketReplicationConfig",
            "BucketNotification",
            "BucketRequestPaymentConfiguration",
        )
    },
    "aws:s3/bucketIntelligentTieringConfiguration:BucketIntelligentTieringConfiguration": Row(id="{bucket}:{name}"),
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": Row(id="{account}"),
    "aws:fsx/lustreFileSystem:LustreFileSystem": Row(
        id="fs-{hex:17}",
        outputs=_arn("fsx", "file-system/{id}")
        | {"dnsName": "{id}.fsx.{region}.simulated.invalid", "mountName": "{hex:8}", "networkInterfaceIds": []},
        replaces=("kmsKeyId", "subnetIds", "deploymentType", "storageType"),
    ),
    "aws:fsx/dataRepositoryAssociation:DataRepositoryAssociation": Row(
        id="dra-{hex:17}", outputs=_arn("fsx", "association/{fileSystemId}/{id}"), replaces=("fileSystemId",)
    ),
    # Registry
    "aws:ecr/repository:Repository": Row(
        id="{name}",
        name="name",
        outputs=_arn("ecr", "repository/{name}")
        | {"registryId": "{account}", "repositoryUrl": "{account}.dkr.ecr.{region}.simulated.invalid/{name}"},
        replaces=("encryptionConfigurations",),
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Row(id="{repository}", replaces=("repository",)),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": Row(id="{repository}", replaces=("repository",)),
    "aws:ecr/replicationConfiguration:ReplicationConfiguration": Row(id="{account}/{region}"),
    "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration": Row(id="{account}/{region}"),
    "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate": Row(id="{prefix}", replaces=("prefix",)),
    "aws:ecr/registryPolicy:RegistryPolicy": Row(id="{account}"),
    # Cluster
    "aws:eks/cluster:Cluster": Row(
        id="{name}",
        name="name",
        outputs=_arn("eks", "cluster/{name}")
        | {
            "endpoint": "https://{hex:32}.gr7.{region}.eks.simulated.invalid",
            "certificateAuthority": {"data": "c2ltdWxhdGVk"},
            "certificateAuthorities": [{"data": "c2ltdWxhdGVk"}],
            "identities": [{"oidcs": [{"issuer": "https://oidc.eks.{region}.simulated.invalid/id/{capitals:32}"}]}],
            "platformVersion": "eks.1",
            "status": "ACTIVE",
            "version": From("version", "1.34"),
            "vpcConfig": {"clusterSecurityGroupId": "sg-{hex:17}", "vpcId": "vpc-{hex:17}"},
        },
        replaces=(
            "encryptionConfig",
            "roleArn",
            "kubernetesNetworkConfig.serviceIpv4Cidr",
            "bootstrapSelfManagedAddons",
        ),
        cluster="{arn}",
        protected_by=("deletionProtection",),
    ),
    "aws:eks/nodeGroup:NodeGroup": Row(
        id="{clusterName}:{nodeGroupName}",
        name="nodeGroupName",
        outputs=_arn("eks", "nodegroup/{clusterName}/{nodeGroupName}/{uuid:group}")
        | {
            "status": "ACTIVE",
            "resources": [{"autoscalingGroups": [{"name": "eks-{nodeGroupName}-{uuid:group}"}]}],
        },
        replaces=(
            "clusterName",
            "instanceTypes",
            "capacityType",
            "diskSize",
            "amiType",
            "subnetIds",
            "nodeRoleArn",
            "launchTemplate.id",
            "launchTemplate.name",
        ),
    ),
    "aws:eks/addon:Addon": Row(
        id="{clusterName}:{addonName}",
        outputs=_arn("eks", "addon/{clusterName}/{addonName}/{uuid:addon}") | {"addonVersion": "v1.99.0-eksbuild.1"},
        replaces=("clusterName", "addonName"),
        inside=_IN_CLUSTER,
    ),
    "aws:eks/accessEntry:AccessEntry": Row(
        id="{clusterName}:{principalArn}",
        outputs={"accessEntryArn": "arn:aws:eks:{region}:{account}:access-entry/{clusterName}/{uuid:entry}"},
        replaces=("clusterName", "principalArn", "type"),
        inside=_IN_CLUSTER,
    ),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": Row(
        id="{clusterName}#{principalArn}#{policyArn}",
        replaces=("clusterName", "principalArn", "policyArn"),
        inside=_IN_CLUSTER,
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": Row(
        id="a-{hex:17}",
        unique="{clusterName}/{namespace}/{serviceAccount}",
        outputs={
            "associationId": "{id}",
            "associationArn": "arn:aws:eks:{region}:{account}:podidentityassociation/{clusterName}/{id}",
        },
        replaces=("clusterName", "namespace", "serviceAccount"),
        inside=_IN_CLUSTER,
        imports=("{clusterName},{id}",),
        arn="{associationArn}",
    ),
    # Identity
    "aws:iam/role:Role": Row(
        id="{name}",
        name="name",
        outputs=_global_arn("iam", "role/{name}") | {"uniqueId": "AROA{capitals:17}", "path": "/"},
        replaces=("path",),
    ),
    "aws:iam/policy:Policy": Row(
        id="arn:aws:iam::{account}:policy/{name}",
        name="name",
        outputs={"arn": "{id}", "policyId": "ANPA{capitals:17}", "path": "/"},
        replaces=("description", "path"),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Row(
        id="{role}/{policyArn}", replaces=("role", "policyArn"), shared=True
    ),
    "aws:iam/rolePolicy:RolePolicy": Row(id="{role}:{name}", name="name", replaces=("role",)),
    "aws:iam/instanceProfile:InstanceProfile": Row(
        id="{name}", name="name", outputs=_global_arn("iam", "instance-profile/{name}")
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Row(
        id="arn:aws:iam::{account}:oidc-provider/{host:url}", outputs={"arn": "{id}"}, replaces=("url",)
    ),
    "aws:iam/serviceLinkedRole:ServiceLinkedRole": Row(
        id="arn:aws:iam::{account}:role/aws-service-role/{awsServiceName}", outputs={"arn": "{id}"}
    ),
    # Data services
    "aws:rds/instance:Instance": Row(
        id="db-{capitals:26}",
        name="identifier",
        unique="{identifier}",
        imports=("{identifier}",),
        outputs={
            "arn": "arn:aws:rds:{region}:{account}:db:{identifier}",
            "resourceId": "{id}",
            "address": "{identifier}.{hex:12}.{region}.rds.simulated.invalid",
            "endpoint": "{identifier}.{hex:12}.{region}.rds.simulated.invalid:5432",
            "port": 5432,
            "status": "available",
            "masterUserSecrets": [
                {
                    "secretArn": "arn:aws:secretsmanager:{region}:{account}:secret:rds!db-{uuid:secret}",
                    "secretStatus": "active",
                    "kmsKeyId": From("masterUserSecretKmsKeyId", "alias/aws/secretsmanager"),
                }
            ],
        },
        replaces=("engine", "kmsKeyId", "storageEncrypted", "dbName", "username", "availabilityZone"),
        protected_by=("deletionProtection",),
    ),
    "aws:rds/cluster:Cluster": Row(
        id="{clusterIdentifier}",
        name="clusterIdentifier",
        outputs=_arn("rds", "cluster:{clusterIdentifier}")
        | {
            "clusterResourceId": "cluster-{capitals:26}",
            "endpoint": "{clusterIdentifier}.cluster-{hex:12}.{region}.rds.simulated.invalid",
            "readerEndpoint": "{clusterIdentifier}.cluster-ro-{hex:12}.{region}.rds.simulated.invalid",
            "port": 5432,
            "masterUserSecrets": [
                {"secretArn": "arn:aws:secretsmanager:{region}:{account}:secret:rds!cluster-{uuid:secret}"}
            ],
        },
        replaces=("engine", "kmsKeyId", "storageEncrypted", "databaseName", "masterUsername", "dbSubnetGroupName"),
        protected_by=("deletionProtection",),
    ),
    "aws:rds/clusterInstance:ClusterInstance": Row(
        id="{identifier}",
        name="identifier",
        outputs=_arn("rds", "db:{identifier}") | {"dbiResourceId": "db-{capitals:26}"},
        replaces=("clusterIdentifier", "engine"),
    ),
    "aws:rds/subnetGroup:SubnetGroup": Row(id="{name}", name="name", outputs=_arn("rds", "subgrp:{name}")),
    "aws:rds/parameterGroup:ParameterGroup": Row(
        id="{name}", name="name", outputs=_arn("rds", "pg:{name}"), replaces=("family", "description")
    ),
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": Row(
        id="{name}", name="name", outputs=_arn("rds", "cluster-pg:{name}"), replaces=("family", "description")
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": Row(
        id="{replicationGroupId}",
        name="replicationGroupId",
        outputs=_arn("elasticache", "replicationgroup:{replicationGroupId}")
        | {
            "primaryEndpointAddress": "master.{replicationGroupId}.{hex:6}.{region}.cache.simulated.invalid",
            "readerEndpointAddress": "replica.{replicationGroupId}.{hex:6}.{region}.cache.simulated.invalid",
            "configurationEndpointAddress": "clustercfg.{replicationGroupId}.{hex:6}.{region}.cache.simulated.invalid",
            "port": 6379,
        },
        replaces=("atRestEncryptionEnabled", "kmsKeyId", "subnetGroupName"),
    ),
    "aws:elasticache/serverlessCache:ServerlessCache": Row(
        id="{name}",
        name="name",
        outputs=_arn("elasticache", "serverlesscache:{name}")
        | {
            "endpoints": [{"address": "{name}-{hex:6}.serverless.{region}.cache.simulated.invalid", "port": 6379}],
            "status": "available",
        },
        replaces=("kmsKeyId", "subnetIds"),
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": Row(
        id="{name}", name="name", outputs=_arn("elasticache", "subnetgroup:{name}")
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": Row(
        id="{name}", name="name", outputs=_arn("elasticache", "parametergroup:{name}"), replaces=("family",)
    ),
    "aws:elasticache/user:User": Row(
        id="{userId}", outputs=_arn("elasticache", "user:{userId}"), replaces=("userId", "userName", "engine")
    ),
    "aws:elasticache/userGroup:UserGroup": Row(
        id="{userGroupId}", outputs=_arn("elasticache", "usergroup:{userGroupId}"), replaces=("userGroupId", "engine")
    ),
    "aws:secretsmanager/secret:Secret": Row(
        id="arn:aws:secretsmanager:{region}:{account}:secret:{name}-{hex:6}",
        name="name",
        unique="{name}",
        outputs={"arn": "{id}"},
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": Row(
        id="{secretId}|{uuid:version}",
        outputs={"arn": From("secretId"), "versionId": "{uuid:version}", "versionStages": ["AWSCURRENT"]},
        replaces=("secretId", "secretString"),
    ),
    # Logs, alarms, guard rails
    "aws:cloudwatch/logGroup:LogGroup": Row(
        id="{name}", name="name", outputs=_arn("logs", "log-group:{name}"), replaces=("logGroupClass",)
    ),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": Row(id="{policyName}", replaces=("policyName",)),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Row(id="{name}", name="name", outputs=_arn("cloudwatch", "alarm:{name}")),
    "aws:cloudwatch/eventRule:EventRule": Row(
        id="{name}", name="name", outputs=_arn("events", "rule/{name}"), replaces=("eventBusName",)
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Row(
        id="{rule}-{label}-{hex:8}", outputs={"targetId": "terraform-{hex:26}"}, replaces=("rule", "targetId")
    ),
    "aws:sns/topic:Topic": Row(
        id="arn:aws:sns:{region}:{account}:{name}",
        name="name",
        outputs={"arn": "{id}", "owner": "{account}"},
        replaces=("fifoTopic",),
    ),
    "aws:sns/topicPolicy:TopicPolicy": Row(id="{arn}", replaces=("arn",)),
    "aws:sns/topicSubscription:TopicSubscription": Row(
        id="{topic}:{uuid:subscription}", outputs={"arn": "{id}"}, replaces=("topic", "protocol", "endpoint")
    ),
    "aws:sqs/queue:Queue": Row(
        id="https://sqs.{region}.simulated.invalid/{account}/{name}",
        name="name",
        outputs=_arn("sqs", "{name}") | {"url": "{id}"},
        replaces=("fifoQueue",),
    ),
    "aws:sqs/queuePolicy:QueuePolicy": Row(id="{queueUrl}", replaces=("queueUrl",)),
    "aws:budgets/budget:Budget": Row(
        id="{account}:{name}", name="name", outputs=_global_arn("budgets", "budget/{name}"), replaces=("budgetType",)
    ),
    "aws:costexplorer/costAllocationTag:CostAllocationTag": Row(
        id="{tagKey}", outputs={"type": "UserDefined"}, replaces=("tagKey",)
    ),
    "aws:guardduty/detector:Detector": Row(
        id="{hex:32}", unique="{region}", outputs=_arn("guardduty", "detector/{id}") | {"accountId": "{account}"}
    ),
    "aws:accessanalyzer/analyzer:Analyzer": Row(
        id="{analyzerName}",
        outputs=_arn("access-analyzer", "analyzer/{analyzerName}"),
        replaces=("analyzerName", "type"),
    ),
    "aws:guardduty/detectorFeature:DetectorFeature": Row(id="{detectorId}/{name}", replaces=("detectorId", "name")),
    "aws:cfg/recorder:Recorder": Row(id="{name}", name="name"),
    "aws:cfg/deliveryChannel:DeliveryChannel": Row(id="{name}", name="name"),
    "aws:cfg/recorderStatus:RecorderStatus": Row(id="{name}", replaces=("name",)),
    "aws:ssm/parameter:Parameter": Row(
        id="{name}", name="name", outputs=_arn("ssm", "parameter{name}") | {"version": 1}, replaces=("dataType",)
    ),
    # Front
    "aws:acm/certificate:Certificate": Row(
        id="arn:aws:acm:{region}:{account}:certificate/{uuid:certificate}",
        outputs={
            "arn": "{id}",
            "status": "ISSUED",
            "domainValidationOptions": [
                {
                    "domainName": From("domainName"),
                    "resourceRecordName": "_{hex:32}.{domainName}.",
                    "resourceRecordType": "CNAME",
                    "resourceRecordValue": "_{hex:32}.acm-validations.simulated.invalid.",
                }
            ],
        },
        replaces=("domainName", "subjectAlternativeNames", "validationMethod", "keyAlgorithm"),
    ),
    "aws:acm/certificateValidation:CertificateValidation": Row(
        id="{certificateArn}", replaces=("certificateArn", "validationRecordFqdns")
    ),
    "aws:route53/zone:Zone": Row(
        id="Z{capitals:20}",
        outputs={
            "arn": "arn:aws:route53:::hostedzone/{id}",
            "zoneId": "{id}",
            "nameServers": [f"ns-{number}.simulated.invalid" for number in range(1, 5)],
            "primaryNameServer": "ns-1.simulated.invalid",
        },
        replaces=("name",),
    ),
    "aws:route53/record:Record": Row(
        id="{zoneId}_{name}_{type}_{?setIdentifier}",
        outputs={"fqdn": From("name")},
        imports=("{zoneId}_{name}_{type}_{setIdentifier}", "{zoneId}_{name}_{type}"),
        replaces=("zoneId", "name", "type", "setIdentifier"),
    ),
    "aws:route53/healthCheck:HealthCheck": Row(
        id="{uuid:check}", outputs={"arn": "arn:aws:route53:::healthcheck/{id}"}, replaces=("type",)
    ),
    "aws:cloudfront/distribution:Distribution": Row(
        id="E{capitals:13}",
        outputs=_global_arn("cloudfront", "distribution/{id}")
        | {
            "domainName": "d{hex:13}.cloudfront.simulated.invalid",
            "hostedZoneId": "Z2FDTNDATAQYW2",  # CloudFront's own zone, the same for every alias record
            "etag": "E{capitals:13}",
            "status": "Deployed",
        },
    ),
    "aws:cloudfront/vpcOrigin:VpcOrigin": Row(
        id="vo_{hex:22}", outputs=_global_arn("cloudfront", "vpcorigin/{id}") | {"etag": "E{capitals:13}"}
    ),
    **{
        f"aws:cloudfront/{kind[0].lower()}{kind[1:]}:{kind}": Row(
            id="{uuid:policy}", name="name", unique="{name}", outputs={"etag": "E{capitals:13}"}
        )
        for kind in ("CachePolicy", "OriginRequestPolicy", "ResponseHeadersPolicy", "OriginAccessControl")
    },
    "aws:cloudfront/function:Function": Row(
        id="{name}", name="name", outputs=_global_arn("cloudfront", "function/{name}") | {"etag": "E{capitals:13}"}
    ),
    "aws:wafv2/webAcl:WebAcl": Row(
        id="{uuid:acl}",
        name="name",
        unique="{scope}/{name}",
        outputs={
            "arn": "arn:aws:wafv2:{region}:{account}:webacl/{name}/{id}",
            "capacity": 100,
            "lockToken": "{uuid:t}",
        },
        imports=("{id}/{name}/{scope}",),
        replaces=("scope",),
    ),
    "aws:wafv2/ipSet:IpSet": Row(
        id="{uuid:set}",
        name="name",
        unique="{scope}/{name}",
        outputs={"arn": "arn:aws:wafv2:{region}:{account}:ipset/{name}/{id}"},
        imports=("{id}/{name}/{scope}",),
        replaces=("scope", "ipAddressVersion"),
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": Row(
        id="{webAclArn},{resourceArn}", replaces=("webAclArn", "resourceArn")
    ),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": Row(
        id="{resourceArn}", replaces=("resourceArn", "logDestinationConfigs")
    ),
}
