"""A ModelDeployment that is applied serves."""

import json
from urllib.request import Request, urlopen

from tests.e2e.models import Models, requests
from tests.e2e.story import Story


def test_a_model_that_is_applied_serves_without_a_trial_and_kubectl_get_says_so(story: Story, models: Models) -> None:
    story.given(models.good_v1).serves()
    header, row = story.scene.kubectl("get", "md").splitlines()
    question = Request(story.url(), data=requests()(0), headers={"content-type": "application/json"})
    with urlopen(question, timeout=10) as answer:
        variant, outputs = answer.headers["x-contender-variant"], json.load(answer)["outputs"]

    assert variant == story.scene.variant(models.good_v1.spec)
    assert "predict" in {output["name"] for output in outputs}
    assert header.split() == ["NAME", "PHASE", "CHAMPION", "CHALLENGER", "SHARE", "VERDICT", "READY", "AGE"]
    assert row.split()[:4] == [story.scene.name, "Idle", models.good_v1.version, "True"]
    assert story.scene.trials() == []
