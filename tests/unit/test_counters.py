"""What the routers answer, read line by line: the same as prometheus_client's own parser reads."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from contender.measure.counters import samples_in

TOLD = r"""# TYPE envoy_cluster_upstream_rq_xx counter
envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="churn_ab12cd34_live"} 3
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="churn_ab12cd34_live"} 12345

# HELP nothing of use
# TYPE envoy_server_uptime gauge
envoy_server_uptime{} 60
envoy_unlabelled 1.5e3
# TYPE envoy_http_rds_version_text gauge
envoy_http_rds_version_text{text_value="churn:ab12cd34=75,ef56ab78=25 fraud:ab12cd34=100 0a1b2c3d"} 0
envoy_http_rds_version_text{text_value="a \"quote\", a } and a \\ in one\nline"} 0
# TYPE envoy_cluster_upstream_rq_time histogram
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="churn_ab12cd34_live",le="5"} 7
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="churn_ab12cd34_live",le="+Inf"} 9
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="churn_ab12cd34_live"} 45.5
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="churn_ab12cd34_live"} 9
"""


def test_an_answer_is_read_as_prometheus_own_client_reads_it() -> None:
    theirs = [sample for family in text_string_to_metric_families(TOLD) for sample in family.samples]

    ours = [sample for samples in samples_in(TOLD).values() for sample in samples]

    assert sorted(map(_in_order, ours)) == sorted(map(_in_order, theirs))


def _in_order(sample: Sample) -> tuple[str, list[tuple[str, str]], float]:
    return sample.name, sorted(sample.labels.items()), sample.value


@pytest.mark.parametrize("line", ["<html>", "envoy_server_uptime", "envoy_server_uptime{} soon", 'a{b="c" 1'])
def test_what_is_no_sample_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"no sample|could not convert"):
        samples_in(f"{TOLD}{line}\n")
