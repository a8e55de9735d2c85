"""Summary: the exit handler, which sums a run up whatever became of it."""

from pathlib import Path

from tfx import v1 as tfx

from components.artifacts import Report, RunSummary
from pipeline.cluster import accounting
from pipeline.cluster import order as orders


@tfx.dsl.components.component
def Summary(  # noqa: N802  a component is named like a class
    summary: tfx.dsl.components.OutputArtifact[RunSummary],
    report: tfx.dsl.components.OutputArtifact[Report],
    final_status: tfx.dsl.components.Parameter[str],
    run: tfx.dsl.components.Parameter[str],
    order: tfx.dsl.components.Parameter[str],
) -> None:
    """Write summary.json and report.html, also where a step has failed.

    Args:
      summary: becomes the file summary.json.
      report: becomes the file report.html.
      final_status: JSON of Kubeflow's PipelineTaskFinalStatus.
      run: the cluster's id of the run.
      order: JSON of an `Order`.
    """
    accounting.write(
        orders.parsed(order),
        run=run,
        final_status=final_status,
        summary_file=Path(summary.uri),
        report_file=Path(report.uri),
    )
