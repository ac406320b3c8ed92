"""Things of an AWS that tests make with boto3."""

from __future__ import annotations

from tests.harness.emulators.aws.cloud import Cloud

ZONES = ("eu-west-1a", "eu-west-1b")


def network(aws: Cloud, count: int = 2) -> tuple[str, list[str]]:
    """A new VPC with subnets; gives their ids."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=ZONES[i])
        for i in range(count)
    ]
    return vpc, [one["Subnet"]["SubnetId"] for one in subnets]


def group(aws: Cloud, vpc: str, name: str = "a") -> str:
    """A new security group; gives its id."""
    made = aws.client("ec2").create_security_group(GroupName=name, Description=name, VpcId=vpc)
    return str(made["GroupId"])


def balancer(aws: Cloud, name: str, subnets: list[str], groups: list[str]) -> str:
    """A new load balancer; gives its ARN."""
    elb = aws.client("elbv2")
    made = elb.create_load_balancer(Name=name, Subnets=subnets, SecurityGroups=groups)
    return str(made["LoadBalancers"][0]["LoadBalancerArn"])


def target_group(aws: Cloud, name: str, vpc: str, path: str = "/health") -> str:
    """A new target group with a path of its health check; gives its ARN."""
    made = aws.client("elbv2").create_target_group(
        Name=name,
        Protocol="HTTP",
        Port=4000,
        VpcId=vpc,
        TargetType="ip",
        HealthCheckPath=path,
        Matcher={"HttpCode": "200-299"},
    )
    return str(made["TargetGroups"][0]["TargetGroupArn"])


def forward(arn: str) -> list[dict[str, str]]:
    """The actions that send to a target group."""
    return [{"Type": "forward", "TargetGroupArn": arn}]


def listener(aws: Cloud, load_balancer: str, target: str) -> str:
    """A new listener on port 80 that sends to a target group; gives its ARN."""
    made = aws.client("elbv2").create_listener(
        LoadBalancerArn=load_balancer, Port=80, Protocol="HTTP", DefaultActions=forward(target)
    )
    return str(made["Listeners"][0]["ListenerArn"])
