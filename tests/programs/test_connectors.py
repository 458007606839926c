"""The connectors of this folder, checked as any author's would be: loaded, linted, every recording replayed."""

from pathlib import Path

from tests.programs.processes import CONNECTORS, command


def test_both_connectors_are_well_declared_and_do_what_their_recordings_say(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("data_dir: data\n", "utf-8")
    told = command(config, "check", str(CONNECTORS))
    assert "jupyter: ok" in told
    assert "prometheus: ok" in told
    assert "warning" not in told
