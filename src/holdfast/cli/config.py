"""`holdfast config`: what a service would do with what it was given, and whether it could."""

import os
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from holdfast.cli.output import DONE, FAILED, UsageError, say
from holdfast.cli.service_flags import Given, flags_of

if TYPE_CHECKING:
    from holdfast.app.config_check import Finding, Setting

app = App(name="config", help="Show what is in force, and test it.")


@app.command
def check(*, flags: Given = None, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False) -> int:
    """Show every option, its value and where that comes from; then test what a service would need.

    It takes the flags of 'holdfast serve', the same variables and the same file. Tested are the certificate,
    the directory, the catalog (the database, the rights in it, its schema, poolers in between), the bucket, the clocks
    and the keys. No store is made or changed: one
    small file and one small object are written and removed. Secrets are not shown.

    For example:

        holdfast config check --data /srv/backups

        holdfast config check --config /etc/holdfast/holdfast.toml --json

    The exit code is 0 when a service could run (warnings are only told), 1 when something failed, 2 when an option
    cannot be used at all.
    """
    from holdfast.app import config_check
    from holdfast.app.config import gather_from
    from holdfast.app.option_sources import Sources
    from holdfast.model.errors import InvalidInput

    try:
        sources = Sources(flags_of(flags), os.environ)
        chosen = gather_from(sources)
        settings = list(config_check.in_force(sources))
    except InvalidInput as misuse:
        raise UsageError(misuse.message) from misuse
    findings: list[Finding] = []
    if not as_json:
        _show_settings(settings)
    for finding in config_check.check(chosen, sources, os.environ):
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        _print_json(settings, findings)
    return FAILED if config_check.has_failed(findings) else DONE


def _show_settings(settings: "list[Setting]") -> None:
    from holdfast.cli.output import print_table

    print_table(
        ("OPTION", "VALUE", "FROM"), ((each.word, each.value or f"({each.unset})", each.origin) for each in settings)
    )
    say()


def _show(finding: "Finding") -> None:
    remedy = f": {finding.remedy}" if finding.remedy else ""
    say(f"{finding.verdict:8} {finding.part:10}  {finding.text}{remedy}", flush=True)


def _print_json(settings: "list[Setting]", findings: "list[Finding]") -> None:
    from holdfast.cli.output import print_json

    print_json(
        {
            "Options": [{"Name": each.word, "Value": each.value, "Origin": each.origin} for each in settings],
            "Checks": [
                {"Part": each.part, "Verdict": each.verdict, "Message": each.text, "Remedy": each.remedy}
                for each in findings
            ],
        }
    )
