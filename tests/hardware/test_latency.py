import os
import time

import pytest
import torch

from femtobarn.errors import InputError
from femtobarn.hardware.latency import single_event_latency


def test_time_is_that_of_one_call() -> None:
    calls = []
    latency = single_event_latency(lambda: (calls.append(None), time.sleep(0.002)), calls=20)
    assert len(calls) == 20 + 3
    assert 2000 <= latency.median < 20000


def test_one_core_and_one_thread_during_the_calls_only() -> None:
    threads, cores = torch.get_num_threads(), os.sched_getaffinity(0)
    seen = []
    single_event_latency(
        lambda: seen.append((torch.get_num_threads(), len(os.sched_getaffinity(0)))), calls=1
    )
    assert set(seen) == {(1, 1)}
    assert (torch.get_num_threads(), os.sched_getaffinity(0)) == (threads, cores)


def test_no_calls() -> None:
    with pytest.raises(InputError, match="at least one call, got 0"):
        single_event_latency(lambda: None, calls=0)
