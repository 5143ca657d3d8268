//! Keeps what happened: checks events before they are written, and erases users.
//!
//! Does not know the file that they are kept in.
//!
//! **Invariant**: all events of a request are kept, or none.

use axum::http::StatusCode;
use reco_run::EXPOSURE;

use crate::api::{Answer, Erased, Exported, KeptEvents, NewEvent};
use crate::engine::Service;
use crate::items::known;
use crate::problem::Problem;
use crate::store::{Event, Store, StoreError, export_folder, now};

impl Service {
    /// Keeps events, in the order in which they came.
    pub(crate) async fn keep(&self, events: Vec<NewEvent>, request_key: Option<&str>) -> Result<KeptEvents, Problem> {
        let store = self.store()?;
        let most = self.config.limits.batch;
        if events.is_empty() || events.len() > most {
            let text = format!("`events` has `{}` entries\nhint: send 1 to {most} at once", events.len());
            return Err(Problem::wrong(&text));
        }
        let bundle = self.bundle();
        let (first, added) = (bundle.first()?, bundle.added());
        let mut unknown_items = 0;
        let n = events.len();
        let mut checked = Vec::with_capacity(n);
        for (place, event) in events.into_iter().enumerate() {
            if let Some(stars) = event.rating {
                let rating = first.catalogue().scale.rating(stars);
                rating.map_err(|error| Problem::wrong(&format!("event `{place}`: {error}")))?;
            }
            let kind = event.kind.unwrap_or_else(|| if event.rating.is_some() { "rating" } else { "event" }.to_owned());
            // White space tells no users apart: models know them without.
            let user_id = event.user_id.trim().to_owned();
            let key = event.key.or_else(|| request_key.map(|key| format!("{key}/{place}")));
            let texts = [("user_id", Some(&user_id)), ("item_id", Some(&event.item_id)), ("kind", Some(&kind))];
            let others = [("recommendation_id", event.recommendation_id.as_ref()), ("key", key.as_ref())];
            for (name, text) in texts.into_iter().chain(others).filter_map(|(name, text)| Some((name, text?))) {
                if text.is_empty() || text.len() > LONGEST_TEXT {
                    let text = format!(
                        "event `{place}`: `{name}` has `{}` bytes\nhint: it has 1 to {LONGEST_TEXT}",
                        text.len()
                    );
                    return Err(Problem::wrong(&text));
                }
            }
            if kind == EXPOSURE {
                let text = format!("event `{place}` is an exposure\nhint: the service writes these itself");
                return Err(Problem::wrong(&text));
            }
            let is_known = known(&first, &event.item_id).is_some() || added.find(&event.item_id).is_some();
            unknown_items += usize::from(!is_known);
            checked.push(Event {
                user_id,
                item_id: event.item_id,
                kind,
                rating: event.rating,
                timestamp: event.timestamp.unwrap_or_else(now),
                recommendation_id: event.recommendation_id,
                arm: None,
                key,
            });
        }
        let kept = store.append(checked).await.map_err(unwritten)?;
        self.metrics.events.inc_by(kept as u64);
        Ok(KeptEvents { kept, repeated: n - kept, unknown_items })
    }

    /// Erases a user: from the events, and from every answer, though models that know them are not trained anew.
    pub(crate) async fn erase(&self, user: &str) -> Result<Erased, Problem> {
        let user = user.trim();
        let events = self.store()?.erase(user).await.map_err(unwritten)?;
        let trained = self.bundle().first()?.user(user).is_ok();
        Ok(Erased { events, is_in_models: trained })
    }

    /// Writes all events as Parquet into the folder beside their file.
    pub(crate) async fn export(&self) -> Result<Exported, Problem> {
        let counts = self.store()?.export().await.map_err(unwritten)?;
        let folder = self.config.events.as_deref().map(export_folder).unwrap_or_default();
        Exported::new(&folder, counts).map_err(|error| Problem::failed(error.to_string()))
    }

    pub(crate) fn store(&self) -> Result<&Store, Problem> {
        let text = "this service keeps no events and adds no items\nhint: start it with `--events FILE`";
        self.store.as_ref().ok_or_else(|| Problem::missing(text))
    }

    /// The exposure that `answer` is, if it is of an A/B test.
    pub(crate) fn exposure(&self, answer: &Answer) -> Option<Event> {
        Some(Event {
            user_id: answer.user_id.clone()?,
            item_id: answer.items.first()?.item_id.to_string(),
            kind: EXPOSURE.to_owned(),
            rating: None,
            timestamp: now(),
            recommendation_id: Some(answer.recommendation_id.clone()),
            arm: Some(answer.arm.clone()?),
            key: None,
        })
    }
}

/// What was not written.
pub(crate) fn unwritten(error: StoreError) -> Problem {
    match error {
        StoreError::Busy => {
            let text = "too many events wait to be written, and nothing was kept\nhint: send it again in a second";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, text)
        }
        StoreError::Failed(reason) => {
            let text = "the service could not write to its disk, and nothing was kept\nhint: send it again later";
            Problem::new(StatusCode::INSUFFICIENT_STORAGE, text).because(reason)
        }
    }
}

/// The most bytes of an id, a kind or a key in an event.
pub(crate) const LONGEST_TEXT: usize = 256;
