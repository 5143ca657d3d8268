//! Runs `reco retrain`: from the events of a service to a run that it serves.
//!
//! Does not know how any step is done: reco-serve exports and activates, reco-run trains.
//!
//! **Invariant**: nothing is activated that was not trained to its end; each failure says what is served after it.

use anyhow::{Context as _, bail};
use reco_run::{EXPERIMENT, Quiet, remove_others};
use reco_serve::{Client, Exported};

use super::{run, serve};
use crate::args::RetrainArgs;
use crate::text;

/// `reco retrain`
pub(crate) fn retrain(args: RetrainArgs) -> anyhow::Result<()> {
    let RetrainArgs { mut experiment, service, events, like, activate } = args;
    let out = experiment.folders.out.clone();
    if experiment.file.experiment.is_none() {
        let run = like.as_ref().unwrap_or(&out);
        let file = run.join("report").join(EXPERIMENT);
        if !file.is_file() {
            bail!(
                "there is no `{}`, the experiment of the run in `{}`\n\
                 hint: name an experiment's file, or with `--like` the folder of a run",
                file.display(),
                run.display()
            );
        }
        experiment.file.experiment = Some(file);
    }
    if !run::read(&experiment)?.repetitions.is_empty() {
        bail!("a repeated experiment makes no run that can be served\nhint: leave out `[repeat]`");
    }
    let client = service.as_ref().map(|address| Client::new(address, serve::key()));
    if let (Some(client), Some(name)) = (&client, &activate) {
        // Before hours of training rather than after them.
        client.has_run(name)?;
    }
    let exported = match (&client, &events) {
        (Some(client), _) => client.export()?,
        (None, Some(file)) => reco_serve::export(file)?,
        (None, None) => bail!("no events are named\nhint: `--service URL` or `--events FILE`"),
    };
    let Exported { folder, events, rated, exposures, erased_users } = &exported;
    text::say(&format!(
        "exported: {events} events, {rated} of them with stars, {exposures} exposures; erased users: {erased_users}; {folder}"
    ));
    if !std::path::Path::new(folder).is_dir() {
        bail!(
            "the service wrote its events into `{folder}`, which is not on this machine\n\
             hint: retrain where the service runs, or let both see that folder"
        );
    }
    // As TOML writes it, so that no path is taken for anything but text.
    experiment.file.set.push(format!("data.events={}", serde_json::to_string(folder)?));
    let unmade = || format!("`{}` was not trained to its end; what is served stays as it was", out.display());
    let with_events = run::read(&experiment)?;
    let summary = run::work(&experiment, &with_events, None, None).with_context(unmade)?;
    if *erased_users > 0 {
        let trained = summary.work.iter().filter_map(|work| work.approach.clone()).collect::<Vec<_>>();
        let command = text::command_line();
        let removed = remove_others(&out, &trained, &command, &Quiet).with_context(unmade)?;
        if !removed.is_empty() {
            let removed = removed.join("`, `");
            text::say(&format!("removed, as they were trained on users who were erased since: `{removed}`"));
        }
        let aside = out.join("set-aside");
        if aside.exists() {
            text::say(&format!("note: `{}` has files of yours that may name users who were erased", aside.display()));
        }
    }
    if let (Some(client), Some(name)) = (&client, &activate) {
        let kept = || format!("`{}` is trained and not served: the run before it stays", out.display());
        client.activate(name).with_context(kept)?;
        text::say(&format!("activated: {name}"));
    }
    run::tell(&experiment, &with_events, &summary)
}
