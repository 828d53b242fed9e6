"""A store that one must log in to: a Secret that is missing, wrong or new, and a champion that serves on."""

from tests.e2e.models import Models
from tests.e2e.story import Story
from tests.e2e.vault import Vault

SECRET = "store-login"  # noqa: S105 (its name)
PATIENCE = 180  # seconds: the kubelet doubles its pause before each further try


def test_a_challenger_whose_secret_is_missing_is_told_so_and_goes_on_trial_once_it_is_there(
    story: Story, models: Models
) -> None:
    vault = Vault(story.scene)
    vault.opens_to("first")
    story.given(models.good_v1).serves()
    with story.traffic(rate=50) as answers:
        story.when().applies(vault.model(models.good_v2, SECRET))
        story.then().stalled("SecretUnusable", "create it in this namespace with token")
        vault.key(SECRET, "first")
        story.then().promoted(vault.model(models.good_v2, SECRET), within=PATIENCE)

    assert answers.failed() == []


def test_a_login_that_changes_restarts_nothing_and_is_used_by_the_next_pod(story: Story, models: Models) -> None:
    vault = Vault(story.scene)
    vault.opens_to("first")
    vault.key(SECRET, "first")
    model = vault.model(models.good_v1, SECRET)
    story.given(model).serves()
    variant = story.scene.variant(model.spec)
    before = story.scene.pod_uids(variant)
    with story.traffic(rate=50) as answers:
        vault.opens_to("second")
        story.when().applies(model, autoscaling={"minReplicas": 2, "maxReplicas": 2})
        story.then().champion_lacks_a_pod(f"mend Secret {SECRET}")
        vault.key(SECRET, "second")
        story.then().has_ready_pods(variant, 2, within=PATIENCE)

    assert answers.failed() == []
    assert story.scene.restarts() == {}
    assert before < story.scene.pod_uids(variant)
