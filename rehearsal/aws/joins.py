"""Which operations of AWS's service models describe which resource type's inputs, and where names differ."""

from collections.abc import Mapping
from typing import Final

from rehearsal.published import Join

_LAUNCH_TEMPLATE: Final = "ec2.RequestLaunchTemplateData"

JOINS: Final[Mapping[str, Join]] = {
    # Network
    "aws:ec2/vpc:Vpc": Join(("ec2.CreateVpc",)),
    "aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation": Join(("ec2.AssociateVpcCidrBlock",)),
    "aws:ec2/subnet:Subnet": Join(("ec2.CreateSubnet", "ec2.ModifySubnetAttribute")),
    "aws:ec2/eip:Eip": Join(("ec2.AllocateAddress",)),
    "aws:ec2/natGateway:NatGateway": Join(("ec2.CreateNatGateway",)),
    "aws:ec2/internetGateway:InternetGateway": Join(("ec2.AttachInternetGateway",)),
    "aws:ec2/routeTable:RouteTable": Join(("ec2.CreateRouteTable",)),
    "aws:ec2/route:Route": Join(("ec2.CreateRoute",)),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Join(("ec2.AssociateRouteTable",)),
    "aws:ec2/securityGroup:SecurityGroup": Join(("ec2.CreateSecurityGroup",), {"name": "GroupName"}),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Join(("ec2.CreateSecurityGroup",)),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": Join(
        ("ec2.SecurityGroupRuleRequest",), {"securityGroupId": "/ec2.AuthorizeSecurityGroupIngress.GroupId"}
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": Join(
        ("ec2.SecurityGroupRuleRequest",), {"securityGroupId": "/ec2.AuthorizeSecurityGroupEgress.GroupId"}
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Join(
        ("ec2.CreateVpcEndpoint",), {"policy": "PolicyDocument", "routeTableIds": "RouteTableIds"}
    ),
    "aws:ec2/vpcEndpointService:VpcEndpointService": Join(("ec2.CreateVpcEndpointServiceConfiguration",)),
    "aws:ec2/flowLog:FlowLog": Join(
        ("ec2.CreateFlowLogs",), {"iamRoleArn": "DeliverLogsPermissionArn", "vpcId": "ResourceIds"}
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": Join(
        (_LAUNCH_TEMPLATE, "ec2.CreateLaunchTemplate"),
        {
            "name": "/ec2.CreateLaunchTemplate.LaunchTemplateName",
            "description": "/ec2.CreateLaunchTemplate.VersionDescription",
            "networkInterfaces.securityGroups": "Groups",
            "vpcSecurityGroupIds": "SecurityGroupIds",
        },
    ),
    "aws:ec2/placementGroup:PlacementGroup": Join(("ec2.CreatePlacementGroup",), {"name": "GroupName"}),
    "aws:ec2/capacityReservation:CapacityReservation": Join(
        ("ec2.CreateCapacityReservation",), {"instanceType": "/ec2.InstanceType"}
    ),
    "aws:lb/loadBalancer:LoadBalancer": Join(
        ("elbv2.CreateLoadBalancer",), {"loadBalancerType": "Type", "subnetMappings": "SubnetMappings"}
    ),
    "aws:lb/targetGroup:TargetGroup": Join(
        ("elbv2.CreateTargetGroup",),
        {
            "healthCheck.path": "/elbv2.CreateTargetGroup.HealthCheckPath",
            "healthCheck.protocol": "/elbv2.CreateTargetGroup.HealthCheckProtocol",
            "healthCheck.port": "/elbv2.CreateTargetGroup.HealthCheckPort",
            "healthCheck.interval": "/elbv2.CreateTargetGroup.HealthCheckIntervalSeconds",
            "healthCheck.timeout": "/elbv2.CreateTargetGroup.HealthCheckTimeoutSeconds",
            "healthCheck.healthyThreshold": "/elbv2.CreateTargetGroup.HealthyThresholdCount",
            "healthCheck.unhealthyThreshold": "/elbv2.CreateTargetGroup.UnhealthyThresholdCount",
        },
    ),
    "aws:lb/listener:Listener": Join(
        ("elbv2.CreateListener",), {"certificateArn": "Certificates.CertificateArn", "alpnPolicy": "AlpnPolicy"}
    ),
    # Keys
    "aws:kms/key:Key": Join(
        ("kms.CreateKey",),
        {
            "customerMasterKeySpec": "KeySpec",
            "deletionWindowInDays": "/kms.ScheduleKeyDeletion.PendingWindowInDays",
            "rotationPeriodInDays": "/kms.EnableKeyRotation.RotationPeriodInDays",
        },
    ),
    "aws:kms/replicaKey:ReplicaKey": Join(
        ("kms.ReplicateKey",), {"deletionWindowInDays": "/kms.ScheduleKeyDeletion.PendingWindowInDays"}
    ),
    "aws:kms/alias:Alias": Join(("kms.CreateAlias",), {"name": "AliasName"}),
    "aws:kms/grant:Grant": Join(("kms.CreateGrant",)),
    # Storage
    "aws:s3/bucket:Bucket": Join(("s3.CreateBucket",)),
    "aws:s3/bucketVersioning:BucketVersioning": Join(("s3.PutBucketVersioning",)),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": Join(
        ("s3.PutBucketEncryption.ServerSideEncryptionConfiguration", "s3.PutBucketEncryption")
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Join(
        ("s3.PutPublicAccessBlock.PublicAccessBlockConfiguration", "s3.PutPublicAccessBlock")
    ),
    "aws:s3/bucketPolicy:BucketPolicy": Join(("s3.PutBucketPolicy",)),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": Join(
        ("s3.PutBucketOwnershipControls.OwnershipControls", "s3.PutBucketOwnershipControls"), {"rule": "Rules"}
    ),
    "aws:s3/bucketLogging:BucketLogging": Join(
        ("s3.PutBucketLogging.BucketLoggingStatus.LoggingEnabled", "s3.PutBucketLogging")
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Join(
        ("s3.PutBucketLifecycleConfiguration.LifecycleConfiguration", "s3.PutBucketLifecycleConfiguration")
    ),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": Join(
        ("s3.PutBucketReplication.ReplicationConfiguration", "s3.PutBucketReplication")
    ),
    "aws:fsx/lustreFileSystem:LustreFileSystem": Join(
        ("fsx.CreateFileSystem.LustreConfiguration", "fsx.CreateFileSystem")
    ),
    "aws:fsx/dataRepositoryAssociation:DataRepositoryAssociation": Join(("fsx.CreateDataRepositoryAssociation",)),
    # Registry
    "aws:ecr/repository:Repository": Join(("ecr.CreateRepository",), {"name": "RepositoryName"}),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Join(
        ("ecr.PutLifecyclePolicy",), {"repository": "RepositoryName", "policy": "LifecyclePolicyText"}
    ),
    "aws:ecr/replicationConfiguration:ReplicationConfiguration": Join(("ecr.PutReplicationConfiguration",)),
    "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration": Join(
        ("ecr.PutRegistryScanningConfiguration",)
    ),
    # Cluster
    "aws:eks/cluster:Cluster": Join(
        ("eks.CreateCluster",),
        {
            "vpcConfig": "ResourcesVpcConfig",
            "enabledClusterLogTypes": "/eks.LogType",
            "encryptionConfig.provider.keyArn": "KeyArn",
        },
    ),
    "aws:eks/nodeGroup:NodeGroup": Join(
        ("eks.CreateNodegroup",),
        {
            "instanceTypes": "/ec2.InstanceType",
            "nodeGroupName": "NodegroupName",
            "nodeRoleArn": "NodeRole",
            "subnetIds": "Subnets",
            "remoteAccess.sourceSecurityGroupIds": "SourceSecurityGroups",
        },
    ),
    "aws:eks/addon:Addon": Join(
        ("eks.CreateAddon", "eks.UpdateAddon"),
        {
            "resolveConflictsOnCreate": "/eks.CreateAddon.ResolveConflicts",
            "resolveConflictsOnUpdate": "/eks.UpdateAddon.ResolveConflicts",
            "podIdentityAssociations.serviceAccount": "ServiceAccount",
        },
    ),
    "aws:eks/accessEntry:AccessEntry": Join(("eks.CreateAccessEntry",), {"userName": "Username"}),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": Join(("eks.AssociateAccessPolicy",)),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": Join(("eks.CreatePodIdentityAssociation",)),
    # Identity
    "aws:iam/role:Role": Join(
        ("iam.CreateRole",),
        {"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"},
    ),
    "aws:iam/policy:Policy": Join(("iam.CreatePolicy",), {"name": "PolicyName", "policy": "PolicyDocument"}),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Join(("iam.AttachRolePolicy",), {"role": "RoleName"}),
    "aws:iam/rolePolicy:RolePolicy": Join(
        ("iam.PutRolePolicy",), {"name": "PolicyName", "role": "RoleName", "policy": "PolicyDocument"}
    ),
    "aws:iam/instanceProfile:InstanceProfile": Join(
        ("iam.CreateInstanceProfile",), {"name": "InstanceProfileName", "role": "/iam.CreateRole.RoleName"}
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Join(
        ("iam.CreateOpenIDConnectProvider",), {"clientIdLists": "ClientIDList", "thumbprintLists": "ThumbprintList"}
    ),
    # Data services
    "aws:rds/instance:Instance": Join(
        ("rds.CreateDBInstance",),
        {
            "identifier": "DBInstanceIdentifier",
            "instanceClass": "DBInstanceClass",
            "username": "MasterUsername",
            "password": "MasterUserPassword",
            "parameterGroupName": "DBParameterGroupName",
            "dbSubnetGroupName": "DBSubnetGroupName",
            "backupWindow": "PreferredBackupWindow",
            "maintenanceWindow": "PreferredMaintenanceWindow",
            "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
            "performanceInsightsEnabled": "EnablePerformanceInsights",
            "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
            "caCertIdentifier": "CACertificateIdentifier",
        },
    ),
    "aws:rds/cluster:Cluster": Join(
        ("rds.CreateDBCluster",),
        {
            "clusterIdentifier": "DBClusterIdentifier",
            "preferredBackupWindow": "PreferredBackupWindow",
            "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
            "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
        },
    ),
    "aws:rds/subnetGroup:SubnetGroup": Join(
        ("rds.CreateDBSubnetGroup",), {"name": "DBSubnetGroupName", "description": "DBSubnetGroupDescription"}
    ),
    "aws:rds/parameterGroup:ParameterGroup": Join(
        ("rds.CreateDBParameterGroup", "rds.ModifyDBParameterGroup"),
        {
            "name": "DBParameterGroupName",
            "family": "DBParameterGroupFamily",
            "parameters.name": "ParameterName",
            "parameters.value": "ParameterValue",
        },
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": Join(
        ("elasticache.CreateReplicationGroup",),
        {
            "nodeType": "CacheNodeType",
            "description": "ReplicationGroupDescription",
            "parameterGroupName": "CacheParameterGroupName",
            "subnetGroupName": "CacheSubnetGroupName",
            "numCacheClusters": "NumCacheClusters",
            "maintenanceWindow": "PreferredMaintenanceWindow",
        },
    ),
    "aws:elasticache/serverlessCache:ServerlessCache": Join(
        ("elasticache.CreateServerlessCache",), {"name": "ServerlessCacheName"}
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": Join(
        ("elasticache.CreateCacheSubnetGroup",),
        {"name": "CacheSubnetGroupName", "description": "CacheSubnetGroupDescription"},
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": Join(
        ("elasticache.CreateCacheParameterGroup",),
        {"name": "CacheParameterGroupName", "family": "CacheParameterGroupFamily"},
    ),
    "aws:elasticache/user:User": Join(("elasticache.CreateUser",)),
    "aws:elasticache/userGroup:UserGroup": Join(("elasticache.CreateUserGroup",)),
    "aws:secretsmanager/secret:Secret": Join(
        ("secretsmanager.CreateSecret",),
        {"recoveryWindowInDays": "/secretsmanager.DeleteSecret.RecoveryWindowInDays"},
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": Join(("secretsmanager.PutSecretValue",)),
    # Logs, alarms, guard rails
    "aws:cloudwatch/logGroup:LogGroup": Join(
        ("logs.CreateLogGroup",),
        {"name": "LogGroupName", "retentionInDays": "/logs.PutRetentionPolicy.RetentionInDays"},
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Join(
        ("cloudwatch.PutMetricAlarm",), {"name": "AlarmName", "insufficientDataActions": "InsufficientDataActions"}
    ),
    "aws:cloudwatch/eventRule:EventRule": Join(("events.PutRule",)),
    "aws:cloudwatch/eventTarget:EventTarget": Join(("events.PutTargets.Targets", "events.PutTargets")),
    "aws:sns/topic:Topic": Join(("sns.CreateTopic",)),
    "aws:sns/topicSubscription:TopicSubscription": Join(("sns.Subscribe",), {"topic": "TopicArn"}),
    "aws:sqs/queue:Queue": Join(("sqs.CreateQueue",), {"name": "QueueName"}),
    "aws:budgets/budget:Budget": Join(
        ("budgets.CreateBudget.Budget", "budgets.CreateBudget"),
        {
            "name": "BudgetName",
            "limitUnit": "BudgetLimit.Unit",
            "notifications.comparisonOperator": "/budgets.Notification.ComparisonOperator",
            "notifications.notificationType": "/budgets.Notification.NotificationType",
            "notifications.subscriberEmailAddresses": "/budgets.Subscriber.Address",
            "notifications.threshold": "/budgets.Notification.Threshold",
            "notifications.thresholdType": "/budgets.Notification.ThresholdType",
        },
    ),
    "aws:costexplorer/costAllocationTag:CostAllocationTag": Join(
        ("ce.UpdateCostAllocationTagsStatus.CostAllocationTagsStatus",)
    ),
    "aws:guardduty/detector:Detector": Join(("guardduty.CreateDetector",)),
    "aws:guardduty/detectorFeature:DetectorFeature": Join(
        ("guardduty.DetectorFeatureConfiguration", "guardduty.UpdateDetector")
    ),
    "aws:accessanalyzer/analyzer:Analyzer": Join(("accessanalyzer.CreateAnalyzer",)),
    "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess": Join(("ec2.EnableSnapshotBlockPublicAccess",)),
    "aws:ec2/imageBlockPublicAccess:ImageBlockPublicAccess": Join(
        ("ec2.EnableImageBlockPublicAccess",), {"state": "ImageBlockPublicAccessState"}
    ),
    "aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults": Join(("ec2.ModifyInstanceMetadataDefaults",)),
    "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate": Join(("ecr.CreateRepositoryCreationTemplate",)),
    "aws:iam/serviceLinkedRole:ServiceLinkedRole": Join(("iam.CreateServiceLinkedRole",)),
    "aws:ssm/parameter:Parameter": Join(("ssm.PutParameter",)),
    # Front
    "aws:acm/certificate:Certificate": Join(("acm.RequestCertificate",)),
    "aws:route53/zone:Zone": Join(("route53.CreateHostedZone",), {"comment": "HostedZoneConfig.Comment"}),
    "aws:route53/record:Record": Join(
        ("route53.ResourceRecordSet", "route53.ChangeResourceRecordSets"),
        {
            "zoneId": "/route53.ChangeResourceRecordSets.HostedZoneId",
            "records": "ResourceRecords.Value",
            "aliases": "AliasTarget",
            "aliases.name": "DNSName",
            "aliases.zoneId": "HostedZoneId",
            "failoverRoutingPolicies.type": "/route53.ResourceRecordSet.Failover",
            "weightedRoutingPolicies.weight": "/route53.ResourceRecordSet.Weight",
            "latencyRoutingPolicies.region": "/route53.ResourceRecordSet.Region",
        },
    ),
    "aws:route53/healthCheck:HealthCheck": Join(
        ("route53.CreateHealthCheck.HealthCheckConfig", "route53.CreateHealthCheck"),
        {"fqdn": "FullyQualifiedDomainName", "enableSni": "EnableSNI"},
    ),
    "aws:cloudfront/distribution:Distribution": Join(
        ("cloudfront.DistributionConfig",),
        {
            "orderedCacheBehaviors": "CacheBehaviors.Items",
            "origins": "Origins.Items",
            "defaultCacheBehavior.allowedMethods": "AllowedMethods.Items",
            "defaultCacheBehavior.cachedMethods": "AllowedMethods.CachedMethods.Items",
            "orderedCacheBehaviors.allowedMethods": "AllowedMethods.Items",
            "orderedCacheBehaviors.cachedMethods": "AllowedMethods.CachedMethods.Items",
            "aliases": "Aliases.Items",
            "restrictions.geoRestriction.locations": "Items",
            "loggingConfig": "Logging",
            "origins.originId": "Id",
            "origins.originShield.originShieldRegion": "OriginShieldRegion",
            "viewerCertificate.acmCertificateArn": "ACMCertificateArn",
            "viewerCertificate.sslSupportMethod": "SSLSupportMethod",
        },
    ),
    "aws:cloudfront/vpcOrigin:VpcOrigin": Join(("cloudfront.CreateVpcOrigin",)),
    "aws:cloudfront/cachePolicy:CachePolicy": Join(
        ("cloudfront.CreateCachePolicy.CachePolicyConfig",), {"defaultTtl": "DefaultTTL"}
    ),
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": Join(
        ("cloudfront.CreateOriginRequestPolicy.OriginRequestPolicyConfig",)
    ),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": Join(
        ("cloudfront.CreateResponseHeadersPolicy.ResponseHeadersPolicyConfig",)
    ),
    "aws:wafv2/webAcl:WebAcl": Join(("wafv2.CreateWebACL",)),
    "aws:wafv2/ipSet:IpSet": Join(("wafv2.CreateIPSet",)),
    "aws:wafv2/webAclAssociation:WebAclAssociation": Join(("wafv2.AssociateWebACL",)),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": Join(
        ("wafv2.PutLoggingConfiguration.LoggingConfiguration",)
    ),
    "aws:autoscaling/group:Group": Join(("autoscaling.CreateAutoScalingGroup",), {"name": "AutoScalingGroupName"}),
}
