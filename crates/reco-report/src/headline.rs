//! Says in a sentence or two which approach is best, by how much, and how surely.
//!
//! Does not know how a difference was made, nor what a metric means.
//!
//! **Invariant**: a lead above 0 is the better side of it, of errors too; a lead whose interval holds 0 is said to be
//! maybe luck.

use serde::{Deserialize, Serialize};

use crate::Results;

/// What a run comes to: the best for each task that it was judged by. In results.json: `summary`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Headline {
    /// The best for lists, and the best for stars, where there are such metrics.
    pub best: Vec<Best>,
}

/// What approaches are asked to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BestFor {
    /// To name items worth a look.
    #[default]
    Lists,
    /// To say how a user would rate an item.
    Stars,
}

impl BestFor {
    /// In a word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Lists => "lists",
            Self::Stars => "stars",
        }
    }
}

/// The best approach for a task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The task.
    #[serde(rename = "for")]
    pub task: BestFor,
    /// The metric that says so: `ndcg@10`.
    pub metric: String,
    /// The approach.
    pub approach: String,
    /// Its value.
    pub value: f64,
    /// The plainest approach for the task, which everyone has to beat, where it was asked too.
    pub plain: Option<String>,
    /// Over every other approach that has a value, the nearest first.
    pub leads: Vec<Lead>,
}

/// By how much the best is better than another approach.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    /// The other approach.
    pub over: String,
    /// Its value.
    pub value: f64,
    /// By how much the best is better, in the metric's unit.
    pub lead: f64,
    /// The lower end of its 95 % interval, of the paired difference over users.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// Of a repeated experiment, in how many repetitions the best is better, and of how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetitions: Option<[usize; 2]>,
}

impl Lead {
    /// Whether luck alone would not do; `None` where nothing tells.
    pub fn is_sure(&self) -> Option<bool> {
        match (self.low, self.repetitions) {
            (Some(low), _) => Some(low > 0.0),
            (None, Some([better, n])) => Some(better == n),
            (None, None) => None,
        }
    }

    /// `0.0063 better than popularity (95 %: -0.0031 to 0.0157, could be luck)`
    pub(crate) fn words(&self, place: &str) -> String {
        let over = format!("{}{place}", self.over);
        let how_sure = self.how_sure();
        let how_sure = if how_sure.is_empty() { how_sure } else { format!(" ({how_sure})") };
        match self.lead {
            0.0 => format!("no better than {over}"),
            lead => format!("{} better than {over}{how_sure}", number(lead)),
        }
    }

    /// `95 %: -0.0031 to 0.0157, could be luck`
    pub(crate) fn how_sure(&self) -> String {
        let luck = if self.is_sure() == Some(false) { ", could be luck" } else { "" };
        match (self.low.zip(self.high), self.repetitions) {
            (Some((low, high)), _) => format!("95 %: {} to {}{luck}", number(low), number(high)),
            (None, Some([better, n])) => format!("in {better} of {n} repetitions{luck}"),
            (None, None) => String::new(),
        }
    }
}

/// Four decimals, and no sign of what is not shown.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    if text == "-0.0000" { "0.0000".to_owned() } else { text }
}

/// `NDCG@10`, `RMSE`; names of several words stay as they are.
pub(crate) fn metric_name(name: &str) -> String {
    if name.contains('_') { name.to_owned() } else { name.to_uppercase() }
}

impl Best {
    /// The second best.
    pub fn next(&self) -> Option<&Lead> {
        self.leads.first()
    }

    /// The lead over the plainest approach, where that is not the next one already.
    pub fn over_plain(&self) -> Option<&Lead> {
        let plain = self.plain.as_ref()?;
        self.leads.iter().skip(1).find(|lead| lead.over == *plain)
    }

    /// By how much it is better than the next and than the plainest, in words.
    pub(crate) fn by_how_much(&self) -> Vec<String> {
        let Some(next) = self.next() else { return vec!["the only one".to_owned()] };
        let mut words = vec![next.words(", the next")];
        words.extend(self.over_plain().map(|lead| lead.words("")));
        words
    }

    fn sentence(&self) -> String {
        let Self { task, metric, approach, value, .. } = self;
        let what = format!("best for {}: {approach}, {} {}", task.word(), metric_name(metric), number(*value));
        format!("{what}, {}", self.by_how_much().join(", "))
    }
}

impl Headline {
    /// All of it in a sentence; empty where nothing was measured that a best could be told by.
    ///
    /// `Best for lists: profile, NDCG@10 0.1353, 0.0063 better than popularity, the next (95 %: …); best for stars: …`
    pub fn sentence(&self) -> String {
        let text = self.best.iter().map(Best::sentence).collect::<Vec<_>>().join("; ");
        let mut letters = text.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).chain(['.']).collect())
    }

    /// The best for `task`.
    pub fn of(&self, task: BestFor) -> Option<&Best> {
        self.best.iter().find(|best| best.task == task)
    }
}

/// What a terminal shows last of a run: the sentence of `results`, empty where there is none.
pub fn last_words(results: &Results) -> String {
    results.summary.as_ref().map(Headline::sentence).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Profile before popularity for lists, maybe by luck; `neural` before `hybrid` for stars, surely.
    pub(crate) fn headline() -> Headline {
        let lead = |over: &str, value, lead, low, high| Lead {
            over: over.to_owned(),
            value,
            lead,
            low: Some(low),
            high: Some(high),
            repetitions: None,
        };
        Headline {
            best: vec![
                Best {
                    task: BestFor::Lists,
                    metric: "ndcg@10".to_owned(),
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
                    metric: "rmse".to_owned(),
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
             (95 %: 0.0040 to 0.0160), 0.1200 better than user-mean (95 %: 0.1000 to 0.1400)."
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
        assert_eq!(Lead { repetitions: Some([5, 5]), ..lead.clone() }.is_sure(), Some(true));
        assert_eq!(Lead { repetitions: None, ..lead }.words(""), "0.0100 better than svd");
    }

    #[test]
    fn written_and_read_again_it_is_the_same() {
        let text = serde_json::to_string(&headline()).unwrap();
        assert_eq!(serde_json::from_str::<Headline>(&text).unwrap(), headline());
        assert!(text.contains("\"for\":\"lists\"") && !text.contains("repetitions"), "{text}");
    }
}
