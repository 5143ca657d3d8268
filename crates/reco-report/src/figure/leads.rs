//! Draws how far other approaches are behind the best, and how surely: lists above, stars below.
//!
//! Does not know how a lead was made.
//!
//! **Invariant**: the best is the line at zero; an approach that could be as good by luck has another colour than one
//! that could not.

use super::chart::{SMALL, TITLE, WIDTH, label, widest};
use crate::canvas::{Anchor, Canvas, Words, fitted, text_width};
use crate::headline::{metric_name, number, word};
use crate::palette::{ACCENT, AXIS, GRID, INK, SECOND, SOFT};
use crate::{Best, Drawing, Headline, Lead};

/// Pixels from one approach to the next.
const ROW: f64 = 21.0;

/// How many approaches behind the best are drawn.
const SHOWN: usize = 5;

/// Pixels above each panel after the first.
const GAP: f64 = 18.0;

/// The drawing; `None` where no approach is behind another.
pub(super) fn leads(headline: &Headline) -> Option<Drawing> {
    let panels: Vec<(&Best, Vec<&Lead>)> =
        headline.best.iter().map(|best| (best, shown(best))).filter(|(_, leads)| !leads.is_empty()).collect();
    if panels.is_empty() {
        return None;
    }
    let heights = panels.iter().map(|(_, leads)| TITLE + ROW * (leads.len() + 1) as f64);
    let height = heights.sum::<f64>() + GAP * (panels.len() - 1) as f64 + 22.0;
    let mut canvas = Canvas::new(WIDTH, height);
    let mut top = 0.0;
    for (best, leads) in &panels {
        panel(&mut canvas, top, best, leads);
        top += TITLE + ROW * (leads.len() + 1) as f64 + GAP;
    }
    let words = [("blue: surely behind", ACCENT), ("orange: could be luck", SECOND)];
    let mut x = 2.0;
    for (text, colour) in words {
        label(&mut canvas, text, x, height - 10.0, colour, Anchor::Start);
        x += text_width(text, SMALL) + 16.0;
    }
    let told: Vec<String> = panels
        .iter()
        .map(|(best, leads)| {
            let behind = leads.iter().map(|lead| match lead.how_sure() {
                sure if sure.is_empty() => format!("{} by {}", lead.over, number(lead.lead)),
                sure => format!("{} by {} ({sure})", lead.over, number(lead.lead)),
            });
            let behind = behind.collect::<Vec<_>>().join("; ");
            format!("For {}, behind {} in {}: {behind}", word(best.task), best.approach, best.metric)
        })
        .collect();
    Some(canvas.finish("leads", "How far the others are behind", &format!("{}.", told.join(". "))))
}

/// The nearest leads, and the one over the plainest approach, wherever it is.
fn shown(best: &Best) -> Vec<&Lead> {
    let mut shown: Vec<&Lead> = best.leads.iter().take(SHOWN).collect();
    let plain = best.leads.iter().skip(SHOWN).find(|lead| Some(&lead.over) == best.plain.as_ref());
    if let Some(plain) = plain {
        shown.pop();
        shown.push(plain);
    }
    shown
}

fn panel(canvas: &mut Canvas, top: f64, best: &Best, leads: &[&Lead]) {
    let Best { task, metric, approach, value, .. } = best;
    let title = format!("For {}, behind {approach} in {}", word(*task), metric_name(metric));
    canvas.text(&fitted(&title, 1.12 * 14.0, WIDTH - 4.0), 2.0, top + 17.0, Words::new(14.0, INK).bold());
    let names: Vec<String> = leads.iter().map(|lead| fitted(&lead.over, SMALL, 110.0)).collect();
    let first = fitted(approach, SMALL, 110.0);
    let left = widest(names.iter().chain([&first])) + 12.0;
    let right = WIDTH - text_width("−0.0000", SMALL) - 14.0;
    // To the left is behind the best; the part of an interval that is ahead of the best lies to the right of zero.
    let ends = leads.iter().flat_map(|lead| [Some(lead.lead), lead.high]).flatten();
    let behind = ends.fold(0.0, f64::max);
    let before = leads.iter().flat_map(|lead| [Some(lead.lead), lead.low]).flatten();
    let before = before.fold(0.0, |most: f64, low| most.max(-low));
    let span = if behind + before > 0.0 { behind + before } else { 1.0 };
    let across = |lead: f64| left + 6.0 + (right - left - 12.0) * (behind - lead) / span;
    let middle = |row: usize| top + TITLE + ROW * (row as f64 + 0.5);
    let bottom = top + TITLE + ROW * (leads.len() + 1) as f64;
    canvas.line(&[(across(0.0), top + TITLE), (across(0.0), bottom)], AXIS, 1.0);
    label(canvas, &first, left - 8.0, middle(0), INK, Anchor::End);
    canvas.dot((across(0.0), middle(0)), 4.5, INK, false);
    label(canvas, &number(*value), WIDTH - 4.0, middle(0), INK, Anchor::End);
    for (row, (lead, name)) in leads.iter().zip(&names).enumerate() {
        let y = middle(row + 1);
        let colour = match lead.is_sure() {
            Some(true) => ACCENT,
            Some(false) => SECOND,
            None => SOFT,
        };
        canvas.line(&[(left, y), (right, y)], GRID, 1.0);
        if let Some((low, high)) = lead.low.zip(lead.high) {
            canvas.line(&[(across(high), y), (across(low), y)], colour, 2.0);
        }
        canvas.dot((across(lead.lead), y), 4.0, colour, false);
        label(canvas, name, left - 8.0, y, INK, Anchor::End);
        // Only chance can be ahead of the best.
        let behind = match lead.lead {
            0.0 => "0".to_owned(),
            lead if lead < 0.0 => format!("+{}", number(-lead)),
            lead => format!("−{}", number(lead)),
        };
        label(canvas, &behind, WIDTH - 4.0, y, colour, Anchor::End);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headline::tests::headline;

    #[test]
    fn zero_is_the_best_and_luck_has_its_own_colour() {
        let svg = leads(&headline()).unwrap().inline();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let dots: Vec<(f64, &str)> = (document.descendants().filter(|node| node.has_tag_name("circle")))
            .map(|dot| (dot.attribute("cx").unwrap().parse().unwrap(), dot.attribute("fill").unwrap()))
            .collect();
        assert_eq!(dots.len(), 6, "two of the best, and two behind each");
        assert!(dots[1].0 < dots[0].0 && dots[2].0 < dots[1].0, "who is further behind is further left: {dots:?}");
        assert_eq!([dots[1].1, dots[2].1], [SECOND.light, ACCENT.light]);
        assert!(svg.contains("&lt;b&gt;random") && svg.contains("could be luck"));
        assert!(leads(&Headline::default()).is_none());
    }

    #[test]
    fn the_plainest_is_shown_however_far_behind_it_is() {
        let mut best = headline().best.remove(0);
        best.leads =
            (0..12).map(|n| Lead { over: format!("one-{n}"), lead: f64::from(n), ..Lead::default() }).collect();
        best.plain = Some("one-11".to_owned());
        let names: Vec<&str> = shown(&best).into_iter().map(|lead| lead.over.as_str()).collect();
        assert_eq!(names, ["one-0", "one-1", "one-2", "one-3", "one-11"]);
    }
}
