//! Makes a network an approach of the registry: its options, memory, fit and load.
//!
//! Does not know which network it is.
//!
//! **Invariant**: an approach is configured with options that were checked.

use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use reco_core::memory::Need;
use reco_core::options::{OptionsError, parse};
use reco_core::{Approach, ApproachEntry, Catalogue, FitError, Fitted, LoadError, Requirement, Run, Train};
use serde_json::Value;

use crate::batches::Columns;
use crate::device::ComputeDevice;
use crate::fitted::{FittedNetwork, item_features, sizes};
use crate::modules::Initial;
use crate::network::{Network, Side};
use crate::options::NetworkOptions;
use crate::training::{Data, train};

/// A network with the options it will be trained with.
struct NetworkApproach<N> {
    options: NetworkOptions,
    network: PhantomData<fn() -> N>,
}

/// The registry's line for `N`.
pub const fn network_entry<N: Network>() -> ApproachEntry {
    ApproachEntry { name: N::NAME, about: N::ABOUT, defaults, configure: configure::<N> }
}

fn defaults() -> Value {
    serde_json::to_value(NetworkOptions::default()).expect("plain numbers and names are JSON")
}

fn configure<N: Network>(options: &Value) -> Result<Box<dyn Approach>, OptionsError> {
    let place = format!("[[approach]] {}", N::NAME);
    let options: NetworkOptions = parse(&place, options)?;
    let options = options.checked(N::NAME).map_err(|error| OptionsError::Value { place, reason: error.to_string() })?;
    Ok(Box::new(NetworkApproach::<N> { options, network: PhantomData }))
}

impl<N: Network> NetworkApproach<N> {
    /// `n` times the network's weights over `catalogue`; its embeddings are called `tables`.
    fn copies(&self, n: usize, tables: &str, catalogue: &Catalogue) -> Need {
        let size = self.options.embedding_size;
        let rows = |side: Side| match side {
            Side::User => catalogue.n_users(),
            Side::Item => catalogue.n_items(),
        };
        let rows: usize = N::TABLES.iter().map(|side| rows(*side)).sum();
        let [d_input, d_output] = N::dense_size(size);
        let need = Need::default().and(tables, &[n, rows, size], 4);
        let need = if d_input > 0 { need.and("the dense layer", &[n, d_input, d_output], 4) } else { need };
        need.lowered_by("embedding_size")
    }
}

impl<N: Network> Approach for NetworkApproach<N> {
    fn name(&self) -> &'static str {
        N::NAME
    }

    fn options(&self) -> Value {
        serde_json::to_value(&self.options).expect("plain numbers and names are JSON")
    }

    fn memory(&self, catalogue: &Catalogue) -> Need {
        // While training: weights, two moments and gradients, and the network that is validated or kept as the best.
        self.copies(5, "embeddings and their moments", catalogue)
    }

    fn memory_to_load(&self, catalogue: &Catalogue) -> Need {
        // The file's weights, and those of the network that takes them.
        self.copies(2, "embeddings", catalogue)
    }

    fn requires(&self) -> Vec<Requirement> {
        vec![Requirement::Stars, Requirement::KnownUsers]
    }

    fn fit(&self, data: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        let started = Instant::now();
        Requirement::Stars.check(N::NAME, data)?;
        let device = ComputeDevice::find(run.device)?;
        let n = data.fit.len();
        let (fit, validation) = match (self.options.validation_split, &data.validation) {
            (0.0, Some(validation)) => (Columns::of(&data.fit, 0..n), Columns::of(validation, 0..validation.len())),
            (0.0, None) => (Columns::of(&data.fit, 0..n), Columns::default()),
            (share, _) => {
                let cut = (n as f64 * (1.0 - share)) as usize;
                (Columns::of(&data.fit, 0..cut), Columns::of(&data.fit, cut..n))
            }
        };
        if fit.len() == 0 {
            return Err(FitError::NoRows { approach: N::NAME });
        }
        let catalogue = &data.catalogue;
        let sizes = sizes(catalogue, self.options.embedding_size);
        let item_features = item_features::<N>(catalogue, &device);
        let network = N::init(&sizes, &mut Initial::new(run.seed, &device.device));
        let data = Data {
            fit: &fit,
            validation: &validation,
            n_users: sizes.n_users,
            n_items: sizes.n_items,
            item_features: item_features.as_ref(),
        };
        let (network, log) = train(network, &data, &self.options, &device.device, run, started)?;
        Ok(Box::new(FittedNetwork::new(network, Arc::clone(catalogue), sizes, item_features, device, log)))
    }

    fn load(&self, folder: &Path, catalogue: &Arc<Catalogue>, run: &Run<'_>) -> Result<Box<dyn Fitted>, LoadError> {
        let device = ComputeDevice::find(run.device)?;
        Ok(Box::new(FittedNetwork::<N>::load(folder, catalogue, self.options.embedding_size, device)?))
    }
}

#[cfg(test)]
mod tests {
    use reco_core::testing::{Feedback, checkerboard};

    use crate::APPROACHES;

    #[test]
    fn a_machine_that_holds_a_network_may_load_it() {
        let catalogue = checkerboard(12, Feedback::Stars).train.catalogue;
        for entry in APPROACHES.iter().filter(|entry| (entry.defaults)().get("embedding_size").is_some()) {
            let approach = (entry.configure)(&(entry.defaults)()).unwrap();
            let [to_load, to_fit] = [approach.memory_to_load(&catalogue), approach.memory(&catalogue)];
            let [to_load, to_fit] = [to_load.bytes(), to_fit.bytes()];
            assert!(to_load > 0 && to_load * 5 == to_fit * 2, "{}: {to_load} of {to_fit}", entry.name);
        }
    }
}
