//! Fits, asks and evaluates a model as a stranger's program does, with `reco-classic` and `reco-eval` alone.
//!
//! Does not know the workspace.
//!
//! **Invariant**: twenty lines of code at most.

use reco_classic::{Approach, Run, Svd, Train};
use reco_eval::{Protocol, Test, evaluate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ratings = [("ann", "Alien", 5.0), ("ann", "Brazil", 3.0), ("bob", "Alien", 4.0), ("eve", "Brazil", 2.0)];
    let train = Train::from_ratings(ratings)?;
    let model = Svd { epochs: 30, ..Svd::default() }.fit(&train, &Run::default())?;
    for (item, score) in model.recommend("bob", 10)? {
        println!("{item}  {score:.2}");
    }
    let test = Test::from_ratings(&train, [("bob", "Brazil", 5.0)])?;
    println!("{}", evaluate(&model, &test, &Protocol::default())?);
    Ok(())
}
