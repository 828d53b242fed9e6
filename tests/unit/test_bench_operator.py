"""What the benchmark of the operator concludes from what it measured."""

from typing import Any

import pytest

from benchmarks.operator import goals, page
from benchmarks.operator.contestants import ArgoRollouts, Contender, Contestant, Model
from benchmarks.operator.processes import Memory
from benchmarks.operator.results import Results
from benchmarks.operator.run import Run, Step

MODEL = Model("bench-00", "m-0000")


def run(contestant: type[Contender | ArgoRollouts], models: int, seconds: float, *, done: int | None = None) -> Run:
    step = Step(
        models if done is None else done, seconds, {contestant.program: seconds / 2}, {"patch pods": 3 * models}
    )
    return Run(contestant.name, models, step, step, [0.5] * models, Memory(100, 120, 90))


def met(runs: list[Run]) -> dict[str, bool]:
    return {goal.name: goal.met for goal in goals.of(runs)}


def test_cost_that_grows_with_the_number_of_models_is_fine_and_with_its_square_is_not() -> None:
    proportional = met([run(Contender, 500, 50), run(Contender, 2000, 200)])
    quadratic = met([run(Contender, 500, 50), run(Contender, 2000, 800)])
    name = "apply: seconds for each model, 2,000 over 500"

    assert (proportional[name], quadratic[name]) == (True, False)


def test_a_run_in_which_not_all_models_got_there_meets_no_goal() -> None:
    found = goals.of([run(Contender, 2000, 900, done=1999), run(ArgoRollouts, 2000, 9000)])

    assert {goal.met for goal in found} == {False}
    assert {goal.value for goal in found} == {None}


def test_the_page_shows_every_run_and_every_goal() -> None:
    runs = [run(Contender, 100, 10), run(ArgoRollouts, 100, 20)]
    results = Results("today", 1.0, "a machine", goals.of(runs), runs)

    text = "\n".join(page.figures_of(results))

    assert all(goal.name in text for goal in results.goals)
    assert text.count("| Argo Rollouts |") == 3


@pytest.mark.parametrize(
    ("contestant", "done"),
    [
        (
            Contender(),
            {
                "observedGeneration": 2,
                "phase": "Idle",
                "champion": {"version": "2"},
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        ),
        (
            ArgoRollouts(),
            {"observedGeneration": "2", "phase": "Healthy", "stableRS": "ab12", "currentPodHash": "ab12"},
        ),
    ],
)
def test_a_version_is_reached_only_when_the_present_generation_says_that_all_is_done(
    contestant: Contestant, done: dict[str, Any]
) -> None:
    _, manifest = next(contestant.objects(MODEL))
    changed = {**manifest, "spec": {**manifest["spec"], **contestant.change()["spec"]}}

    def reached(generation: int, status: dict[str, Any]) -> str | None:
        return contestant.reached({**changed, "metadata": {"generation": generation}, "status": status})

    assert reached(2, done) == "2"
    assert reached(3, done) is None
    assert reached(2, {**done, "phase": "Progressing"}) is None
    assert reached(1, {}) is None
