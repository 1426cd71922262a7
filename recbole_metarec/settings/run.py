"""What a run makes beside its model, and what it may read and write."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Le

from recbole_metarec.settings.base import Settings, option
from recbole_metarec.settings.kinds import Count, FileToRead, FileToWrite, Positive, Word


class RunSettings(Settings):
    """A single run and its controls."""

    group = "Run"

    preset: Word | None = option(
        None,
        "Settings of a model under one name, above its defaults and below all that is set besides; they stand in "
        "properties/model/. paper: MetaRec and ANT as published, as far as that is known.",
        decides="nothing",
    )
    nproc: Count = option(
        1,
        "Processes on this machine that train one model together, each on its part of every batch, with the result of "
        "one; on GPUs one for each. On several machines, start them with torchrun and leave this out.",
        decides="nothing",
    )
    scratch_control: bool = option(
        True,
        "Whether a model that transfers is also trained from scratch and compared, with an ensemble of both, with "
        "evidence alone where it knows the clock, and with the memory alone.",
        decides="nothing",
    )
    deliver: Literal["auto", "transfer", "scratch", "ensemble"] = option(
        "auto",
        "Which of them is named as the one to be used. auto: of scratch, transfer and the mean of their scores the "
        "first that lies within one standard error of the best on validation.",
        decides="nothing",
    )
    result_file: FileToWrite | None = option(None, "Where to write the results as JSON.", decides="nothing")
    resume: FileToRead | None = option(
        None,
        "auto goes on where the same command was when it ended: runs that were finished are not made again, the one "
        "that was not goes on from its last state in checkpoint_dir. Or a file: such a state, or a checkpoint of the "
        "same run, of which learning rates and numbers of epochs may then be others; the checkpoint is overwritten "
        "where validation improves. For this package's models; of RecBole's only finished ones are taken up.",
        decides="nothing",
    )
    last_state_minutes: Positive | None = option(
        10.0,
        "Minutes from one last state to the next within an epoch; each epoch ends with one. ~ keeps none.",
        decides="nothing",
    )
    keep_checkpoints: Count | None = option(
        None,
        "Checkpoints of finished runs that stay in checkpoint_dir, the newest of each model, with sources and without, "
        "on each dataset; older ones are removed with their cards when a command has ended. What the command itself "
        "made stays in any case, and so does a file with a name of your own. ~ keeps all.",
        decides="nothing",
    )
    keep_logs: Count | None = option(
        20,
        "Logs of finished runs that stay in log/, the newest of each model on each dataset; older ones are removed "
        "with their curves in log_tensorboard/ when a command has ended. ~ keeps all.",
        decides="nothing",
    )
    init_from: FileToRead | None = option(
        None,
        "A checkpoint of the same model from which training begins on other data: weights are taken over, and what was "
        "learnt of items with the same ids; new items are drawn. For MetaRec and ANT.",
        decides="content",
    )
    allow_pickle: bool = option(
        False,
        "Whether to read what RecBole pickles: its own checkpoints, saved data sets and data loaders. Such a file can "
        "run any code on this machine: allow it for files that you trust.",
        decides="nothing",
    )
    bootstrap_samples: Annotated[int, Ge(100), Le(10**7)] = option(
        2000,
        "Resamples of the paired bootstrap over users and seeds.",
        decides="nothing",
    )
