"""What scripts of the artifact tests import: versions that are made of texts, by their paths."""

import wandb


def version(name, texts, type="dataset", **how):
    artifact = wandb.Artifact(name, type, **how)
    for path, text in texts.items():
        with artifact.new_file(path) as file:
            file.write(text)
    return artifact


def log(run, name, texts, aliases=None, **how):
    """Logs a version and waits until it is committed."""
    return run.log_artifact(version(name, texts, **how), aliases=aliases).wait()
