"""``voice-insights infra service``: the CloudFormation templates of the worker, and of a fleet."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from worker.errors import BadInput


@click.command(short_help="Write the template of the worker, or a fleet.")
@click.option(
    "--out",
    metavar="FILE",
    help="Where to write the template; - is standard output.  [default: infra/service.yaml, "
    "infra/fleet.yaml]",
)
@click.option("--fleet", is_flag=True, help="Write the template of a fleet's tasks instead.")
def service(out: str | None, *, fleet: bool) -> None:
    """Write the CloudFormation template of the worker itself, or of a fleet.

    This release's template makes the stream, Twilio's role, a bucket, a log group and a Fargate
    task; docs/deployment.md shows how to deploy it. A checkout has it already. A file with other
    contents is not overwritten.

    With --fleet it is the template of a fleet's keyed stream and tasks, for a stack beside the
    other, whose worker doesn't run (docs/fleet.md).

    \b
    Examples:
      voice-insights infra service
      voice-insights infra service --fleet
      voice-insights infra service --out - | less
    """
    name = "fleet.yaml" if fleet else "service.yaml"
    out = out or f"infra/{name}"
    template = template_named(name)
    if out == "-":
        click.echo(template, nl=False)
        return
    if Path(out).exists() and Path(out).read_bytes() != template.encode():
        raise BadInput(f"--out {out}: a different file is already there; name another one")
    write_template(out, template)


def template_named(name: str) -> str:
    """A template from the installed package's files, or from the checkout around the package."""
    package = files("worker")
    for folder in (package / "infra", Path(str(package)).parent / "infra"):
        template = folder / name
        if template.is_file():
            return template.read_text(encoding="utf-8")
    raise BadInput(f"this installation has no infra/{name}; take it from the repository")


def write_template(out: str, template: str) -> None:
    """Write a template, and make the folder for it if there is none."""
    try:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).write_text(template, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"--out {out}: {error.strerror}") from error
    click.echo(f"written: {out}", err=True)
