"""The task list names benchmarks that are there."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_benchmark_of_the_task_list_is_a_program() -> None:
    spec = importlib.util.spec_from_file_location("tasks", ROOT / "tasks.py")
    assert spec is not None
    assert spec.loader is not None
    tasks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tasks)
    assert len(tasks.BENCHMARKS) > 5
    for name, over_records in tasks.BENCHMARKS.items():
        text = (ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8")
        assert 'if __name__ == "__main__":' in text, name
        assert ('"records", type=Path' in text) == over_records, name
