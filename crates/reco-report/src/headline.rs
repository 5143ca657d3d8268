//! Says in a sentence or two which approach is best, by how much, and how surely.
//!
//! Does not know how a difference was made, nor what a metric means.
//!
//! **Invariant**: a lead above 0 is on the better side, for errors too; a lead whose interval holds 0 is said to be
//! possibly luck, and one over too few users or repetitions to be too little to tell.

use reco_eval::{BestFor, Column};
use serde::{Deserialize, Serialize};

use crate::Results;

/// The summary of a run: the best approach for each task that it was judged by. In results.json: `summary`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Headline {
    /// The best for lists, and the best for stars, where there are such metrics.
    pub best: Vec<Best>,
}

/// What approaches are asked for, in a word.
pub(crate) fn word(task: BestFor) -> &'static str {
    match task {
        BestFor::Lists => "lists",
        BestFor::Stars => "stars",
    }
}

/// The best approach for a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The task.
    #[serde(rename = "for")]
    pub task: BestFor,
    /// The metric that says so: `ndcg@10`.
    pub metric: Column,
    /// The approach.
    pub approach: String,
    /// Its value.
    pub value: f64,
    /// The plainest approach for the task, which everyone has to beat, where it took part.
    pub plain: Option<String>,
    /// The leads over every other approach that has a value, the nearest first.
    pub leads: Vec<Lead>,
}

/// By how much the best is better than another approach.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    /// The other approach.
    pub over: String,
    /// Its value.
    pub value: f64,
    /// By how much the best is better, in the metric's unit; below 0 only where chance does better than the best.
    pub lead: f64,
    /// The number of users that both have, where the difference is one over users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_users: Option<usize>,
    /// The lower end of its 95 % interval, of the paired difference over users.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// For a repeated experiment, in how many repetitions the best is better, and how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetitions: Option<[usize; 2]>,
}

impl Lead {
    /// Whether luck alone does not explain the lead; `None` where there is nothing to tell by, or too little.
    pub fn is_sure(&self) -> Option<bool> {
        match (self.low, self.repetitions) {
            (Some(_), _) if self.lead < 0.0 => Some(self.high.is_some_and(|high| high < 0.0)),
            (Some(low), _) => Some(low > 0.0),
            (None, Some([better, n])) if better < n => Some(false),
            (None, Some([_, n])) => (n >= ENOUGH).then_some(true),
            (None, None) => None,
        }
    }

    /// `0.0063 better than popularity (95 %: -0.0031 to 0.0157, could be luck)`
    pub(crate) fn words(&self, place: &str) -> String {
        let over = format!("{}{place}", self.over);
        let how_sure = self.how_sure();
        let how_sure = if how_sure.is_empty() { how_sure } else { format!(" ({how_sure})") };
        match self.by() {
            None => format!("no better than {over}"),
            Some(by) => format!("{by} than {over}{how_sure}"),
        }
    }

    /// How to describe the next approach.
    pub(crate) fn place(&self) -> &'static str {
        if self.lead < 0.0 { ", which is chance" } else { ", the next" }
    }

    /// `0.0063 better`; `None` for no lead.
    pub(crate) fn by(&self) -> Option<String> {
        let better = if self.lead < 0.0 { "worse" } else { "better" };
        (self.lead != 0.0).then(|| format!("{} {better}", number(self.lead.abs())))
    }

    /// `95 %: -0.0031 to 0.0157, could be luck`
    pub(crate) fn how_sure(&self) -> String {
        let verdict = if self.is_sure() == Some(true) { None } else { self.verdict() };
        self.range().into_iter().chain(verdict.map(str::to_owned)).collect::<Vec<_>>().join(", ")
    }

    /// `95 %: -0.0031 to 0.0157`
    pub(crate) fn range(&self) -> Option<String> {
        let interval = self.low.zip(self.high).map(|(low, high)| format!("95 %: {} to {}", number(low), number(high)));
        interval.or_else(|| self.repetitions.map(|[better, n]| format!("in {better} of {n} repetitions")))
    }

    /// `could be luck`
    pub(crate) fn verdict(&self) -> Option<&'static str> {
        match (self.is_sure(), self.repetitions, self.n_users) {
            (Some(true), ..) if self.lead < 0.0 => Some("surely worse"),
            (Some(true), ..) => Some("surely better"),
            (Some(false), ..) => Some("could be luck"),
            (None, Some(_), _) => Some("too few repetitions to tell"),
            (None, None, Some(n)) if n < ENOUGH => Some("too few users to tell"),
            // No user differs from another in it, so there is no spread to judge by.
            (None, None, Some(_)) => Some("the same for every user"),
            (None, None, None) => None,
        }
    }
}

/// Fewer users or repetitions than this tell nothing: six of six is the first result that chance alone brings less than
/// once in twenty times, two-sided.
const ENOUGH: usize = 6;

/// A number with four decimals, without a sign where it rounds to zero.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    if text == "-0.0000" { "0.0000".to_owned() } else { text }
}

/// `NDCG@10`, `RMSE`; names of several words stay as they are.
pub(crate) fn metric_name(column: &Column) -> String {
    let name = column.to_string();
    if name.contains('_') { name } else { name.to_uppercase() }
}

impl Best {
    /// The second best.
    pub fn next(&self) -> Option<&Lead> {
        self.leads.first()
    }

    /// The lead over the plainest approach, unless that is the next one already.
    pub fn over_plain(&self) -> Option<&Lead> {
        let plain = self.plain.as_ref()?;
        self.leads.iter().skip(1).find(|lead| lead.over == *plain)
    }

    /// By how much it is better than the next and than the plainest, in words.
    pub(crate) fn by_how_much(&self) -> Vec<String> {
        let Some(next) = self.next() else { return vec!["the only one".to_owned()] };
        let mut words = vec![next.words(next.place())];
        words.extend(self.over_plain().map(|lead| lead.words("")));
        words
    }

    /// Whether no list had anything that its user then rated well.
    pub fn hit_nothing(&self) -> bool {
        self.task == BestFor::Lists && self.value == 0.0 && self.leads.iter().all(|lead| lead.lead == 0.0)
    }

    fn sentence(&self) -> String {
        let Self { task, metric, approach, value, .. } = self;
        if self.hit_nothing() {
            return format!("best for lists: none, no list hit anything ({} is 0)", metric_name(metric));
        }
        let what = format!("best for {}: {approach}, {} {}", word(*task), metric_name(metric), number(*value));
        format!("{what}, {}", self.by_how_much().join(", "))
    }
}

impl Headline {
    /// The whole summary in a sentence; empty where nothing was measured that a best could be told by.
    ///
    /// `Best for lists: profile, NDCG@10 0.1353, 0.0063 better than popularity, the next (95 %: …); best for stars: …`
    pub fn sentence(&self) -> String {
        let text = self.best.iter().map(Best::sentence).collect::<Vec<_>>().join("; ");
        let mut letters = text.chars();
        let sentence = letters.next().map(|first| first.to_uppercase().chain(letters).chain(['.']).collect::<String>());
        let mut sentence = sentence.unwrap_or_default();
        if self.best.iter().any(|best| !best.leads.is_empty() && !best.hit_nothing()) {
            sentence += " The best is chosen on the test itself.";
        }
        sentence
    }

    /// The best for `task`.
    pub fn of(&self, task: BestFor) -> Option<&Best> {
        self.best.iter().find(|best| best.task == task)
    }
}

/// The last line of a run on a terminal: the summary of `results` in a sentence, empty where there is none.
pub fn last_words(results: &Results) -> String {
    results.summary.as_ref().map(Headline::sentence).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Profile ahead of popularity for lists, maybe by luck; `neural` ahead of `hybrid` for stars, surely.
    pub(crate) fn headline() -> Headline {
        let lead = |over: &str, value, lead, low, high| Lead {
            over: over.to_owned(),
            value,
            lead,
            low: Some(low),
            high: Some(high),
            ..Lead::default()
        };
        Headline {
            best: vec![
                Best {
                    task: BestFor::Lists,
                    metric: "ndcg@10".parse().unwrap(),
                    approach: "profile".to_owned(),
                    value: 0.1353,
                    plain: Some("popularity".to_owned()),
                    leads: vec![
                        lead("popularity", 0.129, 0.0063, -0.0031, 0.0157),
                        lead("<b>random</b>", 0.0051, 0.1302, 0.12, 0.14),
                    ],
                },
                Best {
                    task: BestFor::Stars,
                    metric: "rmse".parse().unwrap(),
                    approach: "neural".to_owned(),
                    value: 0.91,
                    plain: Some("user-mean".to_owned()),
                    leads: vec![lead("hybrid", 0.92, 0.01, 0.004, 0.016), lead("user-mean", 1.03, 0.12, 0.1, 0.14)],
                },
            ],
        }
    }

    #[test]
    fn a_sentence_says_who_is_best_by_how_much_and_how_surely() {
        assert_eq!(
            headline().sentence(),
            "Best for lists: profile, NDCG@10 0.1353, 0.0063 better than popularity, the next (95 %: -0.0031 to \
             0.0157, could be luck); best for stars: neural, RMSE 0.9100, 0.0100 better than hybrid, the next \
             (95 %: 0.0040 to 0.0160), 0.1200 better than user-mean (95 %: 0.1000 to 0.1400). The best is chosen \
             on the test itself."
        );
        assert_eq!(Headline::default().sentence(), "");
        let lone = Best { leads: Vec::new(), ..headline().best.remove(0) };
        assert_eq!(Headline { best: vec![lone] }.sentence(), "Best for lists: profile, NDCG@10 0.1353, the only one.");
    }

    #[test]
    fn repetitions_tell_how_often_and_equals_are_equals() {
        let lead = Lead { over: "svd".to_owned(), lead: 0.01, repetitions: Some([4, 5]), ..Lead::default() };
        assert_eq!(lead.words(""), "0.0100 better than svd (in 4 of 5 repetitions, could be luck)");
        assert_eq!(Lead { lead: 0.0, ..lead.clone() }.words(""), "no better than svd");
        let few = Lead { repetitions: Some([5, 5]), ..lead.clone() };
        assert_eq!(few.words(""), "0.0100 better than svd (in 5 of 5 repetitions, too few repetitions to tell)");
        assert_eq!(Lead { repetitions: Some([1, 1]), ..lead.clone() }.is_sure(), None);
        assert_eq!(Lead { repetitions: Some([6, 6]), ..lead.clone() }.is_sure(), Some(true));
        assert_eq!(Lead { repetitions: None, ..lead }.words(""), "0.0100 better than svd");
    }

    #[test]
    fn few_users_and_users_alike_are_told_as_such() {
        let lead = |n_users| Lead { over: "svd".to_owned(), lead: 0.01, n_users: Some(n_users), ..Lead::default() };
        assert_eq!(lead(1).words(""), "0.0100 better than svd (too few users to tell)");
        assert_eq!(lead(5).is_sure(), None);
        assert_eq!(lead(6).words(""), "0.0100 better than svd (the same for every user)");
    }

    #[test]
    fn chance_that_does_better_and_lists_without_a_hit_are_said() {
        let mut best = Best { leads: Vec::new(), value: 0.0, ..headline().best.remove(0) };
        let sentence = |best: &Best| Headline { best: vec![best.clone()] }.sentence();
        assert_eq!(sentence(&best), "Best for lists: none, no list hit anything (NDCG@10 is 0).");
        best.leads = vec![Lead { over: "random".to_owned(), value: 0.01, lead: -0.01, ..Lead::default() }];
        let told = "Best for lists: profile, NDCG@10 0.0000, 0.0100 worse than random, which is chance. The best is \
                    chosen on the test itself.";
        assert_eq!(sentence(&best), told);
    }

    #[test]
    fn written_and_read_again_it_is_the_same() {
        let text = serde_json::to_string(&headline()).unwrap();
        assert_eq!(serde_json::from_str::<Headline>(&text).unwrap(), headline());
        assert!(text.contains("\"for\":\"lists\"") && !text.contains("repetitions"), "{text}");
    }
}
