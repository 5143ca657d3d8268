//! Makes a network an approach of the registry: its options, memory, fit and load.
//!
//! Does not know which network it is.
//!
//! **Invariant**: an approach is configured with options that were checked.

use std::sync::Arc;
use std::time::Instant;

use reco_core::memory::Need;
use reco_core::{Catalogue, FitError, Fitted, Loaded, Requirement, Run, Train, Weights};

use crate::batches::{Columns, Data};
use crate::description::{Architecture, Description, Input, Sizes};
use crate::device::ComputeDevice;
use crate::fitted::{FittedNetwork, item_features};
use crate::lists::{self, FittedLists, Shape};
use crate::modules::Initial;
use crate::network::Network;
use crate::options::{NetworkOptions, Part};
use crate::training::train;

/// Makes a description an approach: a public struct of its options.
macro_rules! network_approach {
    ($(#[$documentation:meta])* $visibility:vis $name:ident, $description:expr) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        $visibility struct $name(pub crate::NetworkOptions);

        impl $name {
            fn network(&self) -> crate::approach::NetworkApproach<'_> {
                crate::approach::NetworkApproach { description: &$description, options: &self.0 }
            }
        }

        impl reco_core::Approach for $name {
            const NAME: &'static str = $description.name;
            const ABOUT: &'static str = $description.about;

            fn check(&self, place: &str) -> Result<(), reco_core::options::OptionsError> {
                self.0.check($description.name, $description.lists, place)
            }

            fn memory(&self, catalogue: &reco_core::Catalogue) -> reco_core::memory::Need {
                self.network().memory(catalogue)
            }

            fn memory_to_load(&self, catalogue: &reco_core::Catalogue) -> reco_core::memory::Need {
                self.network().memory_to_load(catalogue)
            }

            fn requires(&self) -> Vec<reco_core::Requirement> {
                self.network().requires()
            }

            fn uses_context(&self) -> bool {
                self.network().uses_context()
            }

            fn learn(
                &self,
                train: &reco_core::Train,
                run: &reco_core::Run<'_>,
            ) -> Result<Box<dyn reco_core::Fitted>, reco_core::FitError> {
                self.network().fit(train, run)
            }

            fn load(
                &self,
                weights: &mut reco_core::Weights,
                catalogue: &std::sync::Arc<reco_core::Catalogue>,
                run: &reco_core::Run<'_>,
            ) -> reco_core::Loaded {
                self.network().load(weights, catalogue, run)
            }
        }
    };
}
pub(crate) use network_approach;

/// A network with the options that it is trained with.
pub(crate) struct NetworkApproach<'a> {
    pub(crate) description: &'static Description,
    pub(crate) options: &'a NetworkOptions,
}

impl NetworkApproach<'_> {
    fn architecture(&self, catalogue: &Catalogue) -> Architecture {
        self.description.over(Sizes::of(catalogue, self.options.embedding_size))
    }

    /// `n` times the network's weights over `catalogue`; its embeddings are called `tables`.
    fn copies(&self, n: usize, tables: &str, catalogue: &Catalogue) -> Need {
        let Architecture { towers, layers, .. } = self.architecture(catalogue);
        let rows: usize = towers.iter().map(|tower| tower.n_rows).sum();
        let need = Need::default().and(tables, &[n, rows, self.options.embedding_size], 4);
        // Those that grow with the embedding.
        let layers = layers.iter().filter(|layer| layer.reads_towers());
        let need = layers.fold(need, |need, layer| need.and("the dense layer", &[n, layer.d_input, layer.d_output], 4));
        need.lowered_by("embedding_size")
    }

    fn shape(&self, catalogue: &Catalogue) -> Shape {
        Shape::of(self.description.lists, self.options, catalogue)
    }

    pub(crate) fn requires(&self) -> Vec<Requirement> {
        let is_there = |parts: &[Part]| parts.contains(&Part::History);
        let knows_histories = is_there(self.description.lists) && !is_there(&self.options.without);
        match (self.options.for_lists(), knows_histories) {
            (true, true) => Vec::new(),
            (true, false) => vec![Requirement::KnownUsers],
            (false, _) => vec![Requirement::Stars, Requirement::KnownUsers],
        }
    }

    pub(crate) fn uses_context(&self) -> bool {
        let Description { layers, lists, .. } = self.description;
        if self.options.for_lists() {
            return lists.contains(&Part::Contexts) && !self.options.without.contains(&Part::Contexts);
        }
        layers.iter().any(|layer| layer.inputs.iter().any(|input| matches!(input, Input::Contexts)))
    }

    pub(crate) fn memory(&self, catalogue: &Catalogue) -> Need {
        if self.options.for_lists() {
            // Weights, two moments and gradients, the average, and the network that is judged beside the best one.
            return self.shape(catalogue).copies(7);
        }
        // While training: weights, two moments and gradients, and the network that is validated or kept as the best.
        self.copies(5, "embeddings and their moments", catalogue)
    }

    pub(crate) fn memory_to_load(&self, catalogue: &Catalogue) -> Need {
        if self.options.for_lists() {
            return self.shape(catalogue).copies(3);
        }
        // The file's weights, and those of the network that takes them.
        self.copies(2, "embeddings", catalogue)
    }

    pub(crate) fn fit(&self, data: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        if self.options.for_lists() {
            if ComputeDevice::find(run.device)?.device != ComputeDevice::cpu().device {
                run.progress.note(&format!("`{}` is trained for lists on the CPU", self.description.name));
            }
            return Ok(Box::new(lists::train(self.description, data, self.options, run)?));
        }
        let started = Instant::now();
        Requirement::Stars.check(self.description.name, data)?;
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
            return Err(FitError::NoRows { approach: self.description.name });
        }
        let catalogue = &data.catalogue;
        let architecture = self.architecture(catalogue);
        let item_features = item_features(&architecture, catalogue, &device.device);
        let network = Network::init(architecture, &mut Initial::new(run.seed, &device.device));
        let data = Data { fit: &fit, validation: &validation, item_features: item_features.as_ref() };
        let (network, log) = train(network, &data, self.options, &device.device, run, started)?;
        Ok(Box::new(FittedNetwork::new(network, Arc::clone(catalogue), item_features, device, log)))
    }

    pub(crate) fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, run: &Run<'_>) -> Loaded {
        if self.options.for_lists() {
            let names = [self.description.name, self.description.title];
            let threshold = self.options.event_threshold;
            let model = FittedLists::load(names, weights, self.shape(catalogue), threshold, catalogue)?;
            return Ok(Box::new(model));
        }
        let device = ComputeDevice::find(run.device)?;
        Ok(Box::new(FittedNetwork::load(weights, catalogue, self.architecture(catalogue), device)?))
    }
}

#[cfg(test)]
mod tests {
    use reco_core::testing::conformance::{Suite, check};
    use reco_core::testing::{Feedback, checkerboard};
    use reco_core::{Approach as _, ApproachEntry, Candidates, DeviceChoice, Query, Run, Scores, Seen, Silent, Who};
    use serde_json::json;

    use crate::{APPROACHES, Collaborative, NetworkOptions, two_tower};

    #[test]
    fn a_description_is_all_that_an_approach_takes() {
        let entry = &ApproachEntry::of::<two_tower::TwoTower>();
        let options = json!({ "epochs": 60, "batch_size": 16, "learning_rate": 0.01, "embedding_size": 8 });
        check(&Suite { entry, options, personal: Some(Feedback::Stars), device: DeviceChoice::Cpu });
    }

    #[test]
    fn whoever_reads_safetensors_can_compute_a_score() {
        let train = checkerboard(6, Feedback::Stars).train;
        let approach = Collaborative(NetworkOptions { epochs: 2, embedding_size: 4, ..NetworkOptions::default() });
        let run = Run { seed: 1, device: DeviceChoice::Cpu, progress: &Silent };
        let fitted = approach.learn(&train, &run).unwrap();
        let bytes = fitted.save().unwrap().to_bytes();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let numbers = |name: &str| -> Vec<f32> {
            let data = file.tensor(name).unwrap().data();
            data.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
        };
        let (users, items) = (numbers("xusers_emb.embedding"), numbers("xproducts_emb.embedding"));
        let (user, item) = (&users[2 * 4..][..4], &items[3 * 4..][..4]);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let cosine = dot(user, item) / (dot(user, user) * dot(item, item)).sqrt();
        let score = cosine * numbers("y_out.weight")[0] + numbers("y_out.bias")[0];

        let who = Who::Known(train.catalogue.users.at(2).unwrap());
        let mut scores = Scores::new();
        let query = Query { who, context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
        fitted.score(&[query], &mut scores).unwrap();
        assert!((score - scores.row(0)[3]).abs() < 1e-6, "{score} for {}", scores.row(0)[3]);
    }

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
