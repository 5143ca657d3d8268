//! The losses of lists over an event and its negatives: values and slopes.
//!
//! The softmax over the whole catalogue is in `step.rs`, since it needs all scores of a user. Does not know networks.
//!
//! **Invariant**: a slope is the derivative of the value by a score; a test compares them. The same bits on any
//! platform.

use crate::options::Loss;

/// The loss of an event and its negatives, whose scores are in `scores`, the event's first; their slopes take the place
/// of the scores.
pub(super) fn of_group(loss: Loss, scores: &mut [f32]) -> f64 {
    let n = scores.len().saturating_sub(1).max(1) as f32;
    match loss {
        Loss::Bce => {
            let mut sum = 0.0;
            for (score, at) in scores.iter_mut().zip(0..) {
                let is_event = at == 0;
                let signed = if is_event { -*score } else { *score };
                sum += softplus(signed);
                *score = if is_event { -sigmoid(signed) } else { sigmoid(signed) };
            }
            sum
        }
        Loss::Bpr => {
            let Some((event, negatives)) = scores.split_first_mut() else { return 0.0 };
            let (mut sum, mut slope) = (0.0, 0.0);
            for negative in negatives {
                let lead = *negative - *event;
                sum += softplus(lead);
                *negative = sigmoid(lead) / n;
                slope -= *negative;
            }
            *event = slope;
            sum / f64::from(n)
        }
        Loss::Softmax | Loss::MeanAbsoluteError => {
            let most = scores.iter().copied().fold(f32::MIN, f32::max);
            let event = scores.first().map_or(0.0, |score| *score - most);
            let mut sum = 0.0;
            for score in &mut *scores {
                *score = libm::expf(*score - most);
                sum += *score;
            }
            scores.iter_mut().for_each(|score| *score /= sum);
            if let Some(event) = scores.first_mut() {
                *event -= 1.0;
            }
            libm::log(f64::from(sum)) - f64::from(event)
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
}

/// `ln (1 + eˣ)`
fn softplus(x: f32) -> f64 {
    let x = f64::from(x);
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_the_derivative_of_its_loss() {
        let scores = [0.3_f32, -1.2, 0.8, 2.0, 0.3];
        for loss in [Loss::Bce, Loss::Bpr, Loss::Softmax] {
            let mut slopes = scores;
            of_group(loss, &mut slopes);
            for (at, slope) in slopes.iter().enumerate() {
                let moved = |by: f32| {
                    let mut moved = scores;
                    moved[at] += by;
                    of_group(loss, &mut moved)
                };
                let expected = (moved(0.01) - moved(-0.01)) / 0.02;
                assert!((f64::from(*slope) - expected).abs() < 1e-3, "{loss:?} {at}: {slope} and {expected}");
            }
        }
        assert!((of_group(Loss::Softmax, &mut [1.0, 1.0]) - 2_f64.ln()).abs() < 1e-6);
        assert!((of_group(Loss::Bce, &mut [0.0]) - 2_f64.ln()).abs() < 1e-9);
    }
}
