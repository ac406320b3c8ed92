"""AWS resources that tests create with boto3."""

from __future__ import annotations

from tests.harness.emulators.aws.cloud import Cloud

ZONES = ("eu-west-1a", "eu-west-1b")


def network(aws: Cloud, count: int = 2) -> tuple[str, list[str]]:
    """Create a VPC with subnets; returns its ID and theirs."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=ZONES[i])
        for i in range(count)
    ]
    return vpc, [subnet["Subnet"]["SubnetId"] for subnet in subnets]


def group(aws: Cloud, vpc: str, name: str = "a") -> str:
    """Create a security group; returns its ID."""
    created = aws.client("ec2").create_security_group(GroupName=name, Description=name, VpcId=vpc)
    return str(created["GroupId"])


def balancer(aws: Cloud, name: str, subnets: list[str], groups: list[str]) -> str:
    """Create a load balancer; returns its ARN."""
    elb = aws.client("elbv2")
    created = elb.create_load_balancer(Name=name, Subnets=subnets, SecurityGroups=groups)
    return str(created["LoadBalancers"][0]["LoadBalancerArn"])


def target_group(aws: Cloud, name: str, vpc: str, path: str = "/health") -> str:
    """Create a target group with a health check on a path; returns its ARN."""
    created = aws.client("elbv2").create_target_group(
        Name=name,
        Protocol="HTTP",
        Port=4000,
        VpcId=vpc,
        TargetType="ip",
        HealthCheckPath=path,
        Matcher={"HttpCode": "200-299"},
    )
    return str(created["TargetGroups"][0]["TargetGroupArn"])


def forward(arn: str) -> list[dict[str, str]]:
    """The actions that forward to a target group."""
    return [{"Type": "forward", "TargetGroupArn": arn}]


def listener(aws: Cloud, load_balancer: str, target: str) -> str:
    """Create a listener on port 80 that forwards to a target group; returns its ARN."""
    created = aws.client("elbv2").create_listener(
        LoadBalancerArn=load_balancer, Port=80, Protocol="HTTP", DefaultActions=forward(target)
    )
    return str(created["Listeners"][0]["ListenerArn"])
