//! Stops fits where their state can be kept, has them go on, and compares with one that nobody stopped.
//!
//! Does not know any approach.
//!
//! **Invariant**: a fit is stopped by the count of its questions, never by time.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::catalogue;
use crate::{Checkpoints, FitError, Fitted, Progress, Weights};

/// Keeps one state, and then asks the fit to stop.
#[derive(Default)]
struct Keeper {
    left: Mutex<Option<Weights>>,
    /// The question at which a state is kept, counted from 0; `None`: at each, and the fit is not stopped.
    at: Option<usize>,
    asked: AtomicUsize,
    kept: Mutex<Option<Weights>>,
    stops: AtomicBool,
    told: Mutex<Vec<Result<String, String>>>,
}

impl Keeper {
    fn new(left: Option<Weights>, at: Option<usize>) -> Self {
        Self { left: Mutex::new(left), at, ..Self::default() }
    }

    fn kept(self) -> Option<Weights> {
        self.kept.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> Vec<Result<String, String>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Progress for Keeper {
    fn interrupted(&self) -> bool {
        self.stops.load(Ordering::SeqCst)
    }

    fn checkpoints(&self) -> Option<&dyn Checkpoints> {
        Some(self)
    }
}

impl Checkpoints for Keeper {
    fn left(&self) -> Option<Weights> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn taken(&self, outcome: Result<&str, &str>) {
        let owned = outcome.map(str::to_owned).map_err(str::to_owned);
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(owned);
    }

    fn is_due(&self) -> bool {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        self.at.is_none_or(|at| at == number)
    }

    fn keep(&self, state: &Weights) {
        // As it comes back from a file.
        let state = Weights::from_bytes(&state.to_bytes()).expect("what was written can be read");
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
        self.stops.store(self.at.is_some(), Ordering::SeqCst);
    }
}

/// Checks `fit`, of the approach `name`: whether it keeps its state or is stopped at any place and goes on, once or
/// again and again, it ends with the same bytes; a state that is not its own it refuses, and begins anew. Returns how
/// often it asks whether to keep its state: 0 for one that never does.
///
/// # Panics
/// Where it breaks that.
pub fn goes_on_as_if_never_stopped(
    name: &str,
    fit: impl Fn(&dyn Progress) -> Result<Box<dyn Fitted>, FitError>,
) -> usize {
    let bytes = |fitted: Result<Box<dyn Fitted>, FitError>, what: &str| {
        let fitted = fitted.unwrap_or_else(|error| panic!("`{name}` does not fit, {what}: {error}"));
        fitted.save().unwrap_or_else(|error| panic!("`{name}` does not save, {what}: {error}")).to_bytes()
    };
    let never = Keeper::new(None, Some(usize::MAX));
    let whole = bytes(fit(&never), "never stopped");
    let n_asked = never.asked.load(Ordering::SeqCst);
    if n_asked == 0 {
        return 0;
    }
    let always = Keeper::new(None, None);
    assert!(bytes(fit(&always), "its state kept") == whole, "`{name}`: to keep the state changes the result");
    let stopped = |left: Option<Weights>, at: usize| {
        let keeper = Keeper::new(left, Some(at));
        let fitted = fit(&keeper);
        if let Err(error) = &fitted {
            assert!(matches!(error, FitError::Interrupted), "`{name}`: to stop is no other error: {error}");
        }
        (fitted, keeper.kept())
    };
    let mut places = vec![0, 1, n_asked / 3, n_asked / 2, 2 * n_asked / 3, n_asked - 1];
    places.sort_unstable();
    places.dedup();
    for at in places.into_iter().filter(|at| *at < n_asked) {
        let (_, state) = stopped(None, at);
        assert!(state.is_some(), "`{name}` keeps no state at question {at} of {n_asked}");
        let keeper = Keeper::new(state, Some(usize::MAX));
        let what = format!("stopped at question {at} of {n_asked}");
        assert!(bytes(fit(&keeper), &what) == whole, "`{name}`: {what}, it goes on to another result");
        assert!(matches!(&keeper.told()[..], [Ok(_)]), "`{name}`: {what}: {:?}", keeper.told());
        let again = keeper.asked.load(Ordering::SeqCst);
        assert_eq!(again, n_asked - at, "`{name}`: {what}, it does not go on there");
    }
    // Again and again, until it is done.
    let (mut left, mut turns) = (None, 0);
    let last = loop {
        match stopped(left, (n_asked / 5).max(1)) {
            (Ok(fitted), _) => break fitted,
            (Err(_), state) => left = state,
        }
        turns += 1;
        assert!(turns <= n_asked, "`{name}` never ends");
    };
    assert!(bytes(Ok(last), "stopped often") == whole, "`{name}`: stopped often, it ends with another result");
    let state = stopped(None, n_asked / 2).1.unwrap_or_default();
    let mut foreign =
        vec![Weights::new(name, &catalogue(1, 1)), Weights::new("foreign", &catalogue(2, 2)), Weights::default()];
    // One tensor more, at the top and in whatever has a name with points.
    let prefixes = state.names().filter_map(|name| Some(format!("{}.", name.rsplit_once('.')?.0)));
    let prefixes: BTreeSet<String> = prefixes.chain([String::new()]).collect();
    // The first and the last of each kind: samples have many.
    let (first, last) = (prefixes.iter().take(8), prefixes.iter().rev().take(8));
    foreign.extend(first.chain(last).map(|prefix| state.clone().with(&format!("{prefix}foreign"), &[1], [1_u32])));
    for state in foreign {
        let keeper = Keeper::new(Some(state), Some(usize::MAX));
        assert!(bytes(fit(&keeper), "with a foreign state") == whole, "`{name}` goes on from a foreign state");
        assert!(matches!(&keeper.told()[..], [Err(_)]), "`{name}` takes a foreign state: {:?}", keeper.told());
    }
    n_asked
}
