//! Checks whether all rankings that are measured are of a user's test items alone.
//!
//! `hit_share`, `article_accuracy`, `article_mrr` and `mrr` rank a user's rated test items among themselves. Does not
//! know how good any approach is.
//!
//! **Invariant**: errors alone claim nothing about rankings, and are fine.

use reco_eval::metric::Measure;

use super::{CheckEntry, Finding, Severity, Subject, Verdict};

pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "test-items-only",
    about: "whether all rankings that are measured are of a user's test items alone",
    look,
};

fn look(subject: &Subject<'_>) -> Verdict {
    if subject.columns.iter().any(|(_, entry)| entry.measure.ranks()) {
        return Ok(Vec::new());
    }
    let among = |measure: &Measure| matches!(measure, Measure::TopFive(_) | Measure::Judgements(_));
    let names = subject.columns.iter().filter(|(_, entry)| among(&entry.measure)).map(|(column, _)| column.to_string());
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Finding::new(
        Severity::Note,
        format!("`{}` look at rated test items alone, and no other ranking is measured", names.join("`, `")),
        "the order of a few items that the user chose says little about recommendations from the whole catalogue",
        "measure rankings of all items too: `evaluate.metrics = []`, or add `ndcg@10`",
    )])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{experiment, found, subject};
    use super::*;

    #[test]
    fn rankings_of_test_items_alone_are_a_note() {
        let of = |metrics: &str| found(&ENTRY, &subject(&experiment(&[&format!("evaluate.metrics={metrics}")])));
        let article = of("[\"scaled_mae\", \"hit_share\", \"mrr\"]");
        assert_eq!(article[0].severity, Severity::Note);
        assert!(article[0].found.starts_with("`hit_share`, `mrr` look at"), "{}", article[0].found);
        assert!(of("[\"hit_share\", \"ndcg@10\"]").is_empty());
        assert!(of("[\"mae\", \"rmse\"]").is_empty());
        assert!(of("[]").is_empty());
    }
}
