//! Answers visitors from models that lie in memory: the page of the service without a server.
//!
//! Compiled to WebAssembly it is `reco.wasm`, which a browser calls by the functions of `browser.rs`. Does not know
//! files, nor HTTP. [`search`], [`rerank`], [`question`] and [`Kinds`] are the service's, too.
//!
//! **Invariant**: what it reads holds nothing of any one user, and an answer never an item that the visitor has met.

#[cfg(target_arch = "wasm32")]
mod browser;
mod kinds;
mod published;
pub mod question;
pub mod rerank;
pub mod search;
mod visitors;

pub use kinds::{Kinds, column};
pub use published::{About, Columns, Listed, Published, Unnamed, VERSION};
pub use visitors::{Answer, Ranked, Visitors, WebError, loads};
