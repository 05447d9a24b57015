"""``plan SPACE``: tell what a sweep will do, before it trains anything."""

from __future__ import annotations

from sweeps.cli._base import AsJson, Overrides, Space, importing_keras


def plan(space: Space, overrides: Overrides = None, as_json: AsJson = False) -> int:
    """Tell the whole space of SPACE, the sizes of its models, and the disk and time it will need.

    Builds the model with defaults and with every choice, and trains the default one for a moment.
    """
    with importing_keras():
        from sweeps import preflight

        report = preflight.plan(space, overrides=overrides or ())
    from sweeps.report.plan import render_plan
    from sweeps.report.records import record_plan, write_json
    from sweeps.report.screen import print_parts

    if as_json:
        write_json(record_plan(report))
    else:
        print_parts(render_plan(report))
    return 0
