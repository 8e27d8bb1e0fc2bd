"""The command line: its groups of commands."""

import typer

from fleet.commands import (
    bench,
    bootstrap,
    catalog,
    cluster,
    config,
    cost,
    image,
    model,
    plain_engine,
    profile,
    quota,
    rehearse,
    release,
    review,
    stack,
    sweep,
    tenant,
    tools,
    tunnel,
)

app = typer.Typer(
    name="fleet",
    help="Bring up, change and take down regions that serve large models.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

stack.register(app)
bootstrap.register(app)
rehearse.register(app)
sweep.register(app)
plain_engine.register(app)
cost.register(app)
quota.register(app)
tools.register(app)
tunnel.register(app)
review.register(app)
app.add_typer(bench.app, name="bench")
app.add_typer(catalog.app, name="catalog")
app.add_typer(cluster.app, name="cluster")
app.add_typer(config.app, name="config")
app.add_typer(image.app, name="image")
app.add_typer(model.app, name="model")
app.add_typer(profile.app, name="profile")
app.add_typer(release.app, name="release")
app.add_typer(review.app, name="review")
app.add_typer(tenant.app, name="tenant")
