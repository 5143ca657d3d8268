//! Warns where the evaluation asks at a context value unlike any of the train rows, where a context's numbers are too
//! large for networks, and where models are told the times of test rows.
//!
//! Does not know what a context means: it reads the numbers of its column.
//!
//! **Invariant**: a context whose numbers lie in [0, 1], such as yes and no, is never suspected: its average is a
//! share.

use reco_features::context_vector;

use super::{CheckEntry, Finding, Severity, Subject, Unknown, Verdict};

/// Beyond this, a number outweighs everything else that networks read.
const LARGE: f32 = 10.0;

pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "context",
    about: "whether the evaluation asks at moments that training never saw, that networks misread, or that rows tell",
    look,
};

fn look(subject: &Subject<'_>) -> Verdict {
    let times = subject.experiment.evaluate.row_times.then(|| {
        Finding::new(
            Severity::Optimistic,
            "`evaluate.row_times` tells approaches that read it the time of each test row".to_owned(),
            "nobody knows before a rating when it will be given: errors are lower than in use",
            "compare them only with errors that were told times, or set `evaluate.row_times = false`",
        )
    });
    let moments = of_moments(subject);
    match times {
        Some(times) => Ok([vec![times], moments.unwrap_or_default()].concat()),
        None => moments,
    }
}

/// What is found of contexts.
fn of_moments(subject: &Subject<'_>) -> Verdict {
    if !subject.experiment.approaches.iter().any(|one| one.approach.uses_context()) {
        return Ok(Vec::new());
    }
    let dataset = subject.dataset()?;
    let columns = &dataset.catalogue.contexts;
    let moment = context_vector(&dataset.catalogue, &subject.experiment.evaluate.context)
        .map_err(|error| Unknown::Untellable(error.to_string().lines().next().unwrap_or_default().to_owned()))?;
    let mut findings = Vec::new();
    for (at, (column, asked)) in columns.iter().zip(moment).enumerate() {
        let (name, low, high) = (&column.name, column.low, column.high);
        let near = (high - low) / 10.0;
        let mut rows = (0..dataset.fit.len()).map(|row| dataset.fit.contexts().row(row)[at]);
        if (low < 0.0 || high > 1.0) && !rows.any(|number| (number - asked).abs() <= near) {
            findings.push(Finding::new(
                Severity::Note,
                format!(
                    "the evaluation asks at `{name}` = {asked}, and no train row is near it: they lie from {low} \
                    to {high}"
                ),
                "a network has learned nothing about such a moment",
                format!("state a usual value: `evaluate.context = {{ {} = ... }}`", column.family()),
            ));
        }
        if low.abs().max(high.abs()) > LARGE {
            findings.push(Finding::new(
                Severity::Note,
                format!("the context `{name}` goes from {low} to {high}"),
                "networks read it as it is, beside numbers from 0 to 1: it outweighs them, and errors grow",
                "scale the column to 0 to 1, or write it as a text of few values",
            ));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use reco_core::{Catalogue, ContextColumn, Interaction, Interactions, Matrix};

    use super::super::testing::{dataset, experiment, found, subject};
    use super::*;

    fn at(sets: &[&str], values: &[f32]) -> Vec<String> {
        let rows: Vec<_> = (1..=values.len()).map(|item| (1, item, 4, 0)).collect();
        let mut data = dataset(&rows, &[(1, 1, 4, 0)]);
        let mut builder = Interactions::builder(1);
        for (row, value) in data.fit.iter().zip(values) {
            builder.push(Interaction { context: &[*value], ..row });
        }
        data.fit = builder.finish();
        let matrix = Matrix::new(values.len(), 1, values.to_vec()).unwrap();
        let contexts = ContextColumn::of(vec!["place".to_owned()], &matrix, 0..values.len());
        data.catalogue = Arc::new(Catalogue { contexts, ..Catalogue::clone(&data.catalogue) });
        let experiment = experiment(&[&["approach=[{name='hybrid'}]"], sets].concat());
        let subject = Subject { dataset: Some(data), ..subject(&experiment) };
        found(&ENTRY, &subject).into_iter().map(|one| one.found).collect()
    }

    #[test]
    fn times_that_are_told_are_optimistic() {
        let told = experiment(&["evaluate.row_times=true"]);
        let findings = found(&ENTRY, &subject(&told));
        assert_eq!((findings.len(), findings[0].severity), (1, Severity::Optimistic));
        assert_eq!(at(&["evaluate.row_times=true"], &[0.0, 100.0]).len(), 3);
    }

    #[test]
    fn a_moment_that_no_row_is_near_and_a_large_number_are_notes() {
        let both = at(&[], &[0.0, 100.0]);
        assert_eq!(both.len(), 2, "{both:?}");
        assert!(both[0].contains("`place` = 50, and no train row is near it: they lie from 0 to 100"), "{both:?}");
        assert_eq!(at(&["evaluate.context.place=100"], &[0.0, 100.0]).len(), 1, "the scale alone");
        assert!(at(&["evaluate.context.place=7"], &[1.0, 2.0, 3.0])[0].contains("`place` = 7"));
        assert!(at(&[], &[1.0, 2.0, 3.0]).is_empty());
        assert!(at(&[], &[0.0, 1.0]).is_empty(), "a share of yes and no");
        let plain = "approach=[{name='popularity'}, {name='svd'}]";
        assert!(at(&[plain], &[0.0, 100.0]).is_empty(), "no network reads it");
    }
}
