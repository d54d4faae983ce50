"""The nightly job that writes the pages for people: the fleet's, and those of what is held."""

import dagster as dg

from sis_assets.assets.platform import Platform, failing_plainly
from sis_assets.model.faults import Mover, PermanentFault
from sis_assets.pipeline.fleet import standings


@dg.op(
    description="Write outbox/status.html, the pages for review that are missing, and remove those that are over."
)
def write_pages_op(context: dg.OpExecutionContext, platform: dg.ResourceParam[Platform]) -> None:
    """Write the pages; the events hold their counts. Fails when a page cannot be written or removed."""
    from sis_assets.pipeline import reviews  # noqa: PLC0415 - keeps the definitions light
    from sis_assets.pipeline.pages.status import write_status_page  # noqa: PLC0415 - as above

    page = platform.home.outbox / "status.html"
    with failing_plainly():
        try:
            with platform.warehouse.read() as connection:
                found = standings(connection, platform.registry, platform.clock.now())
            write_status_page(page, found, platform.clock.now())
            kept = reviews.sweep(platform.warehouse)
        except OSError as error:
            raise PermanentFault(
                tried=f"Writing the pages in {platform.home.outbox.name}/",
                seen=error.strerror or "it cannot be done",
                todo="Make room, or give this account the right to write there, and run the job again",
                mover=Mover.ENGINEER,
            ) from None
    context.add_output_metadata(
        {"districts": len(found), "reviews written": kept.written, "reviews removed": kept.removed}
    )


@dg.job(
    name="write_pages",
    executor_def=dg.in_process_executor,
    description="Write the page of all districts (outbox/status.html) and keep the pages for review in step with what is held.",
)
def write_pages() -> None:
    """Write the pages once."""
    write_pages_op()


pages = dg.ScheduleDefinition(
    name="pages",
    job=write_pages,
    cron_schedule="0 11 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Writes the pages for people every day at 11:00 UTC, when the night is over in every US time zone but the last.",
)
