"""The example notebook runs, shows what it says, and is kept without outputs."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "examples" / "first_check.ipynb"


def test_it_runs_and_shows_a_match_a_mismatch_and_a_layer():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert {output.output_type for output in outputs} == {"execute_result"}, "and nothing on stderr"
    right, wrong, causes, layer = (output.data for output in outputs)
    assert 'class="match verdict">match' in right["text/html"]
    assert 'class="mismatch verdict">mismatch' in wrong["text/html"]
    assert "data:image/png;base64," in wrong["text/html"]
    assert causes["text/plain"].startswith("[('gradient of input 2 (b)', 'mean-for-sum'")
    assert "Dense: gradient of" in layer["text/html"]
    assert 'class="match verdict">match' in layer["text/html"]


def test_it_is_kept_without_outputs():
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert [(cell.outputs, cell.execution_count) for cell in cells] == [([], None)] * len(cells)
