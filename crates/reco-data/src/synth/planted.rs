//! Draws items and users with hidden vectors, and says which rating is expected of whom, for what and when.
//!
//! Does not know which items a user chooses, nor how rows are written.
//!
//! **Invariant**: only sums, products, quotients and square roots are used; without an effect of the moment and without
//! drift, the time changes nothing.

use super::draw::Draw;
use super::{SynthConfig, words};

/// Length of the hidden vectors.
const N_LATENT: usize = 8;
/// 1996-01-01, about when the first MovieLens ratings were made, in seconds since 1970.
pub(super) const FIRST_TIME: u64 = 820_454_400;
/// Seconds of about 22 years.
pub(super) const TIME_SPAN: u64 = 22 * 365 * 86_400;

const DAY: u64 = 86_400;
/// Day or night, on a weekday or at a weekend.
const N_MOMENTS: usize = 4;

/// An item, with what is hidden of it.
pub(super) struct Item {
    vector: [f32; N_LATENT],
    /// The vector's square.
    square: f32,
    /// How much better or worse than others it is, in stars.
    bias: f32,
    /// How many stars its mean moves from the first day to the last.
    trend: f32,
    /// How many stars each moment adds for its genres.
    moments: [f32; N_MOMENTS],
}

/// What a reader of the file of items is told of one.
pub(super) struct Described {
    pub(super) title: String,
    pub(super) genres: String,
}

/// Draws items one after the other.
pub(super) struct ItemDraw {
    draw: Draw,
    trends: Draw,
    drift: f32,
    /// The mean vector of each genre.
    centres: Vec<[f32; N_LATENT]>,
    /// How many stars each moment adds for each genre.
    moments: Vec<[f32; N_MOMENTS]>,
}

impl ItemDraw {
    pub(super) fn new(config: &SynthConfig) -> Self {
        let mut draw = Draw::new(config.seed, "items");
        let centres: Vec<[f32; N_LATENT]> = words::GENRES.split(' ').map(|_| vector(&mut draw, 1.0)).collect();
        let mut of_genres = Draw::new(config.seed, "moments");
        let mut moments = || std::array::from_fn(|_| 0.5 * config.context_effect * of_genres.normal());
        let moments = centres.iter().map(|_| moments()).collect();
        Self { draw, trends: Draw::new(config.seed, "trends"), drift: config.drift, centres, moments }
    }

    /// The item numbered `number`, from 0.
    pub(super) fn next(&mut self, number: u32) -> (Item, Described) {
        let draw = &mut self.draw;
        let n_genres = 1 + draw.below(3) as usize;
        let mut genres: Vec<usize> = (0..n_genres).map(|_| draw.below(self.centres.len() as u64) as usize).collect();
        genres.sort_unstable();
        genres.dedup();
        let mean = |of_genre: &dyn Fn(usize) -> f32| {
            genres.iter().map(|&genre| of_genre(genre)).sum::<f32>() / genres.len() as f32
        };
        let mut vector = vector(draw, 0.5);
        for (at, value) in vector.iter_mut().enumerate() {
            *value += mean(&|genre| self.centres[genre][at]);
        }
        let moments = std::array::from_fn(|at| mean(&|genre| self.moments[genre][at]));
        // More films are recent than old.
        let age = draw.unit() * draw.unit();
        let year = 2018 - (age * 88.0) as u32;
        let title = words::title(draw, number);
        // MovieLens has a few without year or genres, and so does this.
        let title = if draw.below(100) == 0 { title } else { format!("{title} ({year})") };
        let genres: Vec<&str> = genres.iter().map(|&genre| words::word(words::GENRES, genre)).collect();
        let genres = if draw.below(60) == 0 { "(no genres listed)".to_owned() } else { genres.join("|") };
        let bias = 0.4 * draw.normal();
        let trend = self.drift * self.trends.normal();
        (Item { vector, square: dot(&vector, &vector), bias, trend, moments }, Described { title, genres })
    }
}

/// A user, with what is hidden of them.
pub(super) struct User {
    taste: [f32; N_LATENT],
    /// The taste's square.
    square: f32,
    /// How much higher or lower they rate than others, in stars.
    bias: f32,
}

impl User {
    pub(super) fn draw(draw: &mut Draw) -> Self {
        let taste = vector(draw, 1.0);
        Self { taste, square: dot(&taste, &taste), bias: 0.35 * draw.normal() }
    }

    /// How near an item is to the user's taste: the cosine of both.
    pub(super) fn affinity(&self, item: &Item) -> f32 {
        dot(&self.taste, &item.vector) / (self.square * item.square).sqrt().max(f32::MIN_POSITIVE)
    }

    /// The expected number of stars, before noise, for an item of this affinity that moves by so much at the moment.
    pub(super) fn expected(&self, item: &Item, affinity: f32, moves: Moves) -> f32 {
        3.5 + self.bias + item.bias + 0.9 * affinity + moves.all + moves.one
    }
}

/// A time, as far as it matters.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    is_weekend: bool,
    is_day: bool,
    /// From 0, the first day, to 1, the last, and a little more.
    late: f32,
}

/// How many stars the moment adds.
#[derive(Clone, Copy, Default)]
pub(super) struct Moves {
    /// To every item.
    pub(super) all: f32,
    /// To one item.
    pub(super) one: f32,
}

impl Moment {
    /// The moment of `time`, in seconds since 1970, as the contexts `daytime` and `weekend` have it in UTC.
    pub(super) fn at(time: u64) -> Self {
        let hour = time % DAY / 3_600;
        // 1970-01-01 was a Thursday: the third day of seven that begin with the week's first, Monday.
        let weekday = (time / DAY + 3) % 7;
        let late = time.saturating_sub(FIRST_TIME) as f32 / TIME_SPAN as f32;
        Self { is_weekend: weekday >= 5, is_day: (7..20).contains(&hour), late }
    }

    /// What it adds to `item`: by night and at a weekend half of `context_effect` each to all items, by day and on a
    /// weekday as much less; and what the genres and the trend of the item add.
    pub(super) fn moves(self, item: &Item, context_effect: f32) -> Moves {
        let half = |is: bool| if is { 0.5 } else { -0.5 };
        Moves {
            all: context_effect * (half(self.is_weekend) + half(!self.is_day)),
            one: item.moments[usize::from(self.is_weekend) * 2 + usize::from(self.is_day)]
                + item.trend * (self.late - 0.5),
        }
    }
}

fn vector(draw: &mut Draw, scale: f32) -> [f32; N_LATENT] {
    std::array::from_fn(|_| scale * draw.normal())
}

fn dot(a: &[f32; N_LATENT], b: &[f32; N_LATENT]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_and_weekend_are_those_of_the_calendar() {
        // 2000-07-30, a Sunday, at 18:45:03; the Monday after; its night.
        for (time, is_weekend, is_day) in [
            (964_982_703, true, true),
            (964_982_703 + DAY, false, true),
            (964_982_703 + DAY + 5_000, false, false),
            (964_982_703 - DAY, true, true),
            (964_982_703 - 2 * DAY, false, true),
        ] {
            let moment = Moment::at(time);
            assert_eq!((moment.is_weekend, moment.is_day), (is_weekend, is_day), "{time}");
        }
        let day = |hour: u64, second: u64| Moment::at(FIRST_TIME + hour * 3_600 + second).is_day;
        assert_eq!([day(6, 3_599), day(7, 0), day(19, 3_599), day(20, 0)], [false, true, true, false]);
        let late = |time| Moment::at(time).late;
        assert_eq!((late(FIRST_TIME), late(FIRST_TIME + TIME_SPAN)), (0.0, 1.0));
    }

    #[test]
    fn what_is_planted_is_what_is_asked_for() {
        let items = |context_effect, drift| {
            let config = SynthConfig { context_effect, drift, ..SynthConfig::default() };
            let mut draw = ItemDraw::new(&config);
            (0..500).map(|number| draw.next(number).0).collect::<Vec<Item>>()
        };
        let (sunday_night, monday_noon) = (FIRST_TIME - 3_600, FIRST_TIME + 12 * 3_600);
        let moves = |item: &Item, effect, time| Moment::at(time).moves(item, effect);
        for item in items(0.0, 0.0) {
            for time in [sunday_night, monday_noon, FIRST_TIME + TIME_SPAN] {
                let Moves { all, one } = moves(&item, 0.0, time);
                assert_eq!((all, one), (0.0, 0.0));
            }
        }
        let item = &items(0.8, 0.0)[0];
        assert_eq!((moves(item, 0.8, sunday_night).all, moves(item, 0.8, monday_noon).all), (0.8, -0.8));
        let spread = |values: Vec<f32>| {
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / values.len() as f32).sqrt()
        };
        let by_genre = spread(items(0.8, 0.0).iter().map(|item| moves(item, 0.8, monday_noon).one).collect());
        assert!((0.15..0.45).contains(&by_genre), "half of 0.8, less for the mean over genres: {by_genre}");
        let (first, last) = (FIRST_TIME, FIRST_TIME + TIME_SPAN);
        let drifts = |item: &Item| moves(item, 0.0, last).one - moves(item, 0.0, first).one;
        let drift = spread(items(0.0, 0.6).iter().map(drifts).collect());
        assert!((drift - 0.6).abs() < 0.06, "{drift}");
    }
}
