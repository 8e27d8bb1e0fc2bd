"""Every type that the programs of the three clouds use is found again in a way that somebody has thought of."""

from pathlib import Path

import pytest

from fleet.inventory.traces import CLOUDS, TRACES, ById, ByTag, Way, trace_of
from infra.policy.arguments import known

USED = (Path(__file__).parent / "used_types.txt").read_text(encoding="utf-8").split()
"""Types in the states of all stacks that were rehearsed: regions, accounts, fronts and places of states."""


@pytest.mark.parametrize("token", USED)
def test_a_type_has_a_row_or_a_trace_of_its_own(token: str) -> None:
    assert token in TRACES or token in CLOUDS[token.partition(":")[0]].rows


def test_a_person_has_to_look_for_three_of_them_only() -> None:
    assert {token for token in USED if trace_of(token).way is Way.PERSON} == {
        "gcp:billing/budget:Budget",
        "gcp:essentialcontacts/contact:Contact",
        "gcp:monitoring/notificationChannel:NotificationChannel",
    }


@pytest.mark.parametrize("token", [token for token, trace in TRACES.items() if isinstance(trace, ByTag)])
def test_what_is_found_by_tag_takes_tags(token: str) -> None:
    assert known()[token].tags == "tags"


def test_types_of_our_own_plugins_are_taken_over_by_them() -> None:
    assert trace_of("kubernetes:core/v1:Namespace").way is Way.AGAIN
    assert trace_of("modelfleet:access:ApiKey").way is Way.AGAIN


def test_an_arn_says_which_type_it_is_of() -> None:
    def types(arn: str) -> set[str]:
        return {token for token, trace in TRACES.items() if isinstance(trace, ByTag) and trace.fits(arn)}

    assert types("arn:aws:ec2:us-east-1:111122223333:vpc/vpc-1") == {"aws:ec2/vpc:Vpc"}
    assert types("arn:aws:ec2:us-east-1:111122223333:vpc-endpoint/vpce-1") == {"aws:ec2/vpcEndpoint:VpcEndpoint"}
    assert types("arn:aws:wafv2:us-east-1:111122223333:global/webacl/n/1") == {"aws:wafv2/webAcl:WebAcl"}
    assert types("arn:aws:s3:::bucket") == set()


def test_an_import_is_called_as_the_registry_says() -> None:
    route = trace_of("aws:ec2/route:Route")
    assert isinstance(route, ById)
    assert route.templates[0] == "{routeTableId}_{destinationCidrBlock}"
    assert trace_of("aws:s3/bucket:Bucket") == ById(("{bucket}",))
