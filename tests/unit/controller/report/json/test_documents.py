"""JSON documents: what they hold, and that docs/json.md says so."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.analysis.confirm import Claim, Measure, Repeat
from controller.analysis.samples import SampleKind, Trait
from controller.cli.host_outcomes import hosts_done_document
from controller.install.outcome import HostOutcome
from controller.report.before_after import before_and_after
from controller.report.json import (
    approval_document,
    audit_document,
    audit_head_document,
    audit_verified_document,
    changes_document,
    comparison_document,
    doctors_document,
    hosts_document,
    imported_document,
    job_document,
    jobs_document,
    outlier_document,
    policy_answer_document,
    policy_check_document,
    policy_difference_document,
    policy_reloaded_document,
    probes_document,
    shares_document,
    submitted_document,
    tools_document,
)
from controller.report.json.access import (
    authority_document,
    caller_document,
    join_token_document,
    join_tokens_document,
    operator_document,
    operators_document,
)
from controller.report.outlier import Hunt, LaterRun
from fleettrace.model.access import Caller, JoinTokenListing, OperatorTokenListing
from fleettrace.model.audit import AuditHead
from fleettrace.model.inspection import HostAnswer, ProbeList
from fleettrace.model.job import Verdict
from fleettrace.model.policy import (
    CaseOutcome,
    GrantAnswer,
    PolicyAnswer,
    PolicyChange,
    PolicyCheck,
    PolicyDifference,
)
from fleettrace.model.redaction import RedactAs, RedactedField
from fleettrace.orders.approvals import Approval
from fleettrace.snapshot import LOG2, Histogram, Snapshot, merge
from tests.unit.controller.report import audits, inspections, planned, samples
from tests.unit.controller.report.tool_samples import tools

PAGE = Path(__file__).parents[5] / "docs" / "json.md"
DATA_KEYED = re.compile(r"(detail|params|labels|tools|hit_ns|hits_by_kind|key|fields|sums)$")

SNAPSHOT_LISTS = ("histograms", "stacks", "counts", "events")


REDACT = ((RedactedField.PATHS, RedactAs.HASH),)
ANSWER = PolicyAnswer(
    *("granted", 'grant "g"', "because", "ann", "p.toml", "v1", 3),
    grants=(GrantAnswer("g", True, "covers it"),),
    capabilities=("CAP_BPF",),
    redact=REDACT,
)


def full_job() -> dict[str, Any]:
    """A document in which every list holds something."""
    everything = merge(
        result.merged
        for result in (
            samples.histogram_result(),
            samples.stacks_result(),
            samples.counts_result(),
            samples.events_result(),
            samples.keyed_result(),
        )
    )
    result = samples.histogram_result()
    spec = replace(result.job.spec, redact=REDACT, class_labels=("rack",))
    job = replace(result.job, spec=spec, plan=planned.checked_result().job.plan)
    coverage = replace(result.coverage, imported=("api-9",))
    hosts = (samples.part("api-1", everything, notes=("a note",)),)
    return job_document(replace(result, job=job, merged=everything, hosts=hosts, coverage=coverage))


def outlier() -> dict[str, Any]:
    """A host that stood out once and not again."""
    trait = Trait("c1", SampleKind.HISTOGRAM, "us", LOG2)
    claim = Claim("api-3", Measure.SHIFT, trait, None, 4.4)
    later = LaterRun("j2", "log2.2", Repeat(held=False, effect=0.1, spread=0.2, told="api-3 is alike"))
    return outlier_document(Hunt(samples.histogram_result(), claim, ("api-1", "api-4"), (later,)))


def changes() -> dict[str, Any]:
    """Two jobs whose hosts moved."""
    quick, slow = ({2: 900, 3: 800, 4: 300}, {4: 900, 5: 800, 6: 300})
    return changes_document(
        before_and_after(samples.waits_result("j1", quick, hosts=9), samples.waits_result("j2", slow, hosts=10))
    )


JOIN_TOKEN = JoinTokenListing("0a", "", {"role": "api"}, "ada", 1_000, 2_000, "used", "api-1")
OPERATOR_TOKEN = OperatorTokenListing("0b", "ada", ("db",), ("read", "run"), "root", 1_000, 2_000, "valid")

DOCUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "fleettrace.job/1": full_job,
    "fleettrace.comparison/1": lambda: comparison_document(samples.histogram_result()),
    "fleettrace.changes/1": changes,
    "fleettrace.outlier/1": outlier,
    "fleettrace.imported/1": lambda: imported_document("j1", "api-9", "c1", 7),
    "fleettrace.shares/1": lambda: shares_document("k3f9q2", ["web"]),
    "fleettrace.policy-check/1": lambda: policy_check_document(
        PolicyCheck("p.toml", "v1", 1, (CaseOutcome("t", True, "granted", "granted", "because"),))
    ),
    "fleettrace.policy-answer/1": lambda: policy_answer_document(ANSWER),
    "fleettrace.policy-diff/1": lambda: policy_difference_document(
        PolicyDifference("a", "b", 2, 0, (PolicyChange("widened", "db", ("runqlat",), ("role=db",), "no", "yes"),))
    ),
    "fleettrace.policy-reloaded/1": lambda: policy_reloaded_document("p.toml", "v2", "v1", ["j1"]),
    "fleettrace.submitted/1": lambda: submitted_document("k3f9q2"),
    "fleettrace.jobs/1": lambda: jobs_document(samples.jobs()),
    "fleettrace.hosts/1": lambda: hosts_document(samples.hosts()),
    "fleettrace.tools/1": lambda: tools_document(tools()),
    "fleettrace.authority/1": lambda: authority_document(Path("ca/authority.key"), Path("ca/authority.pem")),
    "fleettrace.caller/1": lambda: caller_document("c:1", Caller("ada", ("db",), ("read",), "a token", local=False)),
    "fleettrace.join_token/1": lambda: join_token_document(JOIN_TOKEN, "ftj1.x"),
    "fleettrace.join_tokens/1": lambda: join_tokens_document([JOIN_TOKEN]),
    "fleettrace.operator/1": lambda: operator_document(OPERATOR_TOKEN, "fto1_x"),
    "fleettrace.operators/1": lambda: operators_document([OPERATOR_TOKEN]),
    "fleettrace.doctor/1": lambda: doctors_document(inspections.doctors()),
    "fleettrace.approval/1": lambda: approval_document(
        Approval("runqlat", "ab" * 32, {"frequency_hz": ("99",)}, 1_000, 2_000), "0f" * 16
    ),
    "fleettrace.audit/1": lambda: audit_document(audits.audit_entries(), 1),
    "fleettrace.audit-head/1": lambda: audit_head_document(AuditHead(3, "0f" * 32)),
    "fleettrace.audit-verified/1": lambda: audit_verified_document(
        AuditHead(3, "0f" * 32), "d1", AuditHead(2, "1f" * 32)
    ),
    "fleettrace.hosts-done/1": lambda: hosts_done_document(
        "install", [HostOutcome("ssh://web-1", "web-1", "0.1.0-1f", ("package",), ("no systemd there",))]
    ),
    "fleettrace.probes/1": lambda: probes_document(inspections.ASKED, _probe_answers()),
}


def _probe_answers() -> list[HostAnswer]:
    """One list is cut short, and one kind of probes was not looked at, so that every list holds something."""
    answers = inspections.probe_answers()
    unseen = ProbeList((), 9, unlisted=("tracepoint",))
    return [*answers[:2], replace(answers[2], finding=unseen)]


def paths(value: object, path: str = "") -> Iterator[str]:
    """Every field of a document, as docs/json.md writes it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            shown = "*" if DATA_KEYED.search(path) else name
            yield from paths(inner, f"{path}.{shown}" if path else shown)
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{path}[]")
    else:
        yield path


def documented() -> dict[str, set[str]]:
    """Schema -> the fields of its section."""
    sections = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return {section.split()[0]: set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)) for section in sections}


def as_documented(schema: str, path: str) -> str:
    """Where the page says a field once for several places."""
    if schema == "fleettrace.jobs/1":
        return re.sub(r"^jobs\[\]\..*", "jobs[]", path)
    path = re.sub(r"^(suspects|histogram_readings)\[\]\..*", r"\1[]", path) if "comparison" in schema else path
    path = (
        re.sub(r"^(job|before|after)\..*", r"\1", path)
        if schema.split("/", maxsplit=1)[0].endswith(("comparison", "changes"))
        else path
    )
    path = re.sub(r"^scan\..*", "scan", path)
    path = re.sub(r"^changes\[\]\.shape\..*", "changes[].shape", path)
    path = re.sub(r"^canaries\[\]", "canary", path)
    return re.sub(rf"^(merged|hosts\[\])\.({'|'.join(SNAPSHOT_LISTS)})\b", r"\2", path)


@pytest.mark.parametrize("schema", DOCUMENTS)
def test_every_field_is_documented_and_every_documented_field_exists(schema: str) -> None:
    # GIVEN a document in which nothing is empty
    document = DOCUMENTS[schema]()
    # WHEN its fields are compared with the page's
    emitted = {as_documented(schema, path) for path in paths(document)}
    # THEN they are the same, apart from the rows about whole objects
    whole_objects = {"canary", "canaries[]", "merged", "hosts[]", "histogram_readings[]"}
    whole_objects |= {f"suspects[].{name}" for name in ("rate", "shape", "shape.excess", "frames")}
    whole_objects |= {"histogram_readings[].tail", "canary.trial"}
    assert document["schema"] == schema
    if schema == "fleettrace.hosts/1":
        whole_objects = {"hosts[].calibration"}
    elif schema != "fleettrace.job/1":
        whole_objects = set()
    assert emitted - whole_objects == documented()[schema] - whole_objects


def test_every_schema_has_its_section() -> None:
    assert set(documented()) == set(DOCUMENTS)


@pytest.mark.parametrize("name", ["histogram", "stacks", "counts", "aborted", "held", "live"])
def test_job_document_is_as_approved(name: str, same_as_golden: Callable[[str, str], None]) -> None:
    document = job_document(getattr(samples, f"{name}_result")())
    same_as_golden(f"{name}.json", json.dumps(document, indent=1) + "\n")


def test_lists_are_as_approved(same_as_golden: Callable[[str, str], None]) -> None:
    for name in ("hosts", "tools", "jobs", "doctor", "probes"):
        document = DOCUMENTS[f"fleettrace.{name}/1"]()
        same_as_golden(f"{name}.json", json.dumps(document, indent=1) + "\n")


def test_merged_is_the_sum_of_the_hosts() -> None:
    document = job_document(samples.histogram_result())
    sums: dict[tuple[int, int], int] = {}
    for host in document["hosts"]:
        for bucket in host["histograms"][0]["buckets"]:
            bounds = (bucket["low"], bucket["high"])
            sums[bounds] = sums.get(bounds, 0) + bucket["count"]
    (merged,) = document["merged"]["histograms"]
    assert sums == {(bucket["low"], bucket["high"]): bucket["count"] for bucket in merged["buckets"]}


def test_the_deciding_canary_has_the_worst_verdict() -> None:
    # GIVEN canaries of three classes
    checks = (
        samples.canary(host="api-1", verdict=Verdict.PROMOTE, predicted_cpu_pct=4.0),
        samples.canary(host="api-2", verdict=Verdict.ABORT, predicted_cpu_pct=9.0),
        samples.canary(host="api-3", verdict=Verdict.HOLD, predicted_cpu_pct=0.0),
    )
    result = samples.histogram_result()
    # WHEN the document is made
    document = job_document(replace(result, job=replace(result.job, canaries=checks)))
    # THEN the one that aborted is the canary, and all are listed
    assert document["canary"]["host"] == "api-2"
    assert [check["host"] for check in document["canaries"]] == ["api-1", "api-2", "api-3"]


def test_equal_verdicts_are_decided_by_cost() -> None:
    checks = (samples.canary(host="api-1", predicted_cpu_pct=1.0), samples.canary(host="api-2", predicted_cpu_pct=2.0))
    result = samples.histogram_result()
    document = job_document(replace(result, job=replace(result.job, canaries=checks)))
    assert document["canary"]["host"] == "api-2"


def test_no_canary_is_null() -> None:
    result = samples.histogram_result()
    assert job_document(replace(result, job=replace(result.job, canaries=())))["canary"] is None


def test_the_last_bucket_is_exact() -> None:
    snapshot = Snapshot(histograms=(Histogram((), "us", LOG2, ((63, 1),)),))
    document = job_document(replace(samples.histogram_result(), merged=snapshot))
    (bucket,) = json.loads(json.dumps(document))["merged"]["histograms"][0]["buckets"]
    assert bucket == {"low": 2**63, "high": 2**64 - 1, "count": 1}


def test_a_clock_that_no_calendar_has_is_null() -> None:
    host = samples.part("api-1", samples.latencies(1), started_at_ms=(1 << 53) - 1)
    document = job_document(replace(samples.histogram_result(), hosts=(host,)))
    assert document["hosts"][0]["started_at"] is None
