//! Defines the functions that a browser calls: bytes in, JSON out.
//!
//! The caller writes into the buffer that [`reserve`] returns, calls a function, and reads as many bytes as it returns
//! from [`result`]. Does not know what is asked.
//!
//! **Invariant**: memory is handed out and never taken back: both buffers live in the module, and no pointer is read.

#![expect(unsafe_code, reason = "a name for the linker counts as unsafe; nothing else here does")]

use std::cell::RefCell;

use serde::Serialize;
use serde_json::{Value, json};

use crate::{Visitors, WebError};

#[derive(Default)]
struct State {
    given: Vec<u8>,
    result: Vec<u8>,
    visitors: Option<Visitors>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// A buffer of `length` bytes, for what the next call reads.
#[unsafe(no_mangle)]
extern "C" fn reserve(length: usize) -> *mut u8 {
    STATE.with_borrow_mut(|state| {
        state.given = vec![0; length];
        state.given.as_mut_ptr()
    })
}

/// The JSON that the last call left.
#[unsafe(no_mangle)]
extern "C" fn result() -> *const u8 {
    STATE.with_borrow(|state| state.result.as_ptr())
}

/// Reads `catalogue.json`.
#[unsafe(no_mangle)]
extern "C" fn open() -> usize {
    call(|given, visitors| {
        *visitors = Some(Visitors::new(given)?);
        Ok(json!({}))
    })
}

/// Reads the weights of a model, whose name stands before them in `name_length` bytes.
#[unsafe(no_mangle)]
extern "C" fn load(name_length: usize) -> usize {
    call(|given, visitors| {
        let (name, weights) = given.split_at_checked(name_length).unwrap_or_default();
        opened(visitors)?.load(&String::from_utf8_lossy(name), weights)?;
        Ok(json!({}))
    })
}

/// Answers a question of `POST /v1/recommendations`, with rows in place of items.
#[unsafe(no_mangle)]
extern "C" fn recommend() -> usize {
    call(|given, visitors| Ok(value(opened(visitors)?.recommend(given)?)))
}

/// Finds items by words of their titles.
#[unsafe(no_mangle)]
extern "C" fn search() -> usize {
    call(|given, visitors| {
        let (items, next_offset) = opened(visitors)?.search(given)?;
        Ok(json!({ "items": value(items), "next_offset": next_offset }))
    })
}

fn opened(visitors: &mut Option<Visitors>) -> Result<&mut Visitors, WebError> {
    visitors.as_mut().ok_or(WebError::NotOpen)
}

fn value(answer: impl Serialize) -> Value {
    serde_json::to_value(answer).expect("answers are keys, texts and numbers")
}

/// Leaves what `work` answers, or its problem, and says how many bytes that is.
fn call(work: impl FnOnce(&[u8], &mut Option<Visitors>) -> Result<Value, WebError>) -> usize {
    // Taken out: after a call that ends the module, the next ones find nothing opened, and say so.
    let State { given, mut visitors, .. } = STATE.take();
    let answer = work(&given, &mut visitors).unwrap_or_else(|error| {
        let text = error.to_string();
        let (detail, hint) = text.split_once("\nhint: ").map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
        json!({ "problem": { "detail": detail, "hint": hint } })
    });
    let result = answer.to_string().into_bytes();
    let length = result.len();
    STATE.set(State { given: Vec::new(), result, visitors });
    length
}
