"""Stories that hypothesis makes up of a state machine's rules: the same few in every run, or as many new ones as
``HUB_INTERLEAVINGS`` says.

Not the stories' rules nor what must hold in them: each machine is its test's.
"""

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

ASKED = os.environ.get("HUB_INTERLEAVINGS")


def interleave(machine: type[RuleBasedStateMachine], *, stories: int, steps: int) -> None:
    """Try ``stories`` of at most ``steps`` rules. Raises what the machine raises; a story is only made shorter where
    it is a new one."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=stories if ASKED is None else int(ASKED),
            stateful_step_count=steps,
            derandomize=ASKED is None,
            deadline=None,
            database=None,
            phases=(Phase.generate,) if ASKED is None else (Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
