//! Answers visitors from models that lie in memory: the page of the service without a server.
//!
//! Compiled to WebAssembly it is `reco.wasm`, which a browser calls by the functions of `browser.rs`. Does not know
//! files, nor HTTP. [`search`] and [`rerank`] are the service's, too.
//!
//! **Invariant**: what it reads holds nothing of any one user, and an answer never an item that the visitor has met.

#[cfg(target_arch = "wasm32")]
mod browser;
mod published;
pub mod rerank;
pub mod search;
mod visitors;

pub use published::{About, Columns, Listed, Published};
pub use visitors::{Answer, Ranked, Visitors, WebError};
