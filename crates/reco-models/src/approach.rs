//! Makes a network an approach of the registry: its options, memory, fit and load.
//!
//! Does not know which network it is.
//!
//! **Invariant**: an approach is configured with options that were checked.

use std::sync::Arc;
use std::time::Instant;

use reco_core::memory::{Need, Size};
use reco_core::{
    Catalogue, FitError, Fitted, GROUP_ROWS, Grouped, Interactions, Loaded, Requirement, RowGroups, Run, StreamedTrain,
    Train, Weights,
};

use crate::ModelError;
use crate::batches::Columns;
use crate::buffers::Rows;
use crate::description::{Architecture, Description, Input, Sizes};
use crate::device::ComputeDevice;
use crate::fitted::{FittedNetwork, item_features};
use crate::lists::{self, FittedLists, Shape};
use crate::modules::Initial;
use crate::network::Network;
use crate::options::{NetworkOptions, Part, Shuffle};
use crate::training::{Data, train};

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

            fn memory_of_rows(&self, catalogue: &reco_core::Catalogue, n_rows: usize) -> reco_core::memory::Need {
                self.network().memory_of_rows(catalogue, n_rows)
            }

            fn would_fit(&self, catalogue: &reco_core::Catalogue, n_rows: usize, memory: u64) -> Option<String> {
                self.network().would_fit(catalogue, n_rows, memory)
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

            fn streams(&self) -> bool {
                self.network().streams()
            }

            fn learn_streamed(
                &self,
                train: &reco_core::StreamedTrain<'_>,
                run: &reco_core::Run<'_>,
            ) -> Result<Box<dyn reco_core::Fitted>, reco_core::FitError> {
                self.network().fit_streamed(train, run)
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

    pub(crate) fn memory_of_rows(&self, catalogue: &Catalogue, n_rows: usize) -> Need {
        let n_contexts = catalogue.contexts.len();
        if self.streams() {
            let n = self.options.shuffle_buffer.max(GROUP_ROWS).min(n_rows);
            return Need::default().and("shuffle buffers", &[2, n], 16 + 4 * n_contexts).lowered_by("shuffle_buffer");
        }
        match Need::of_rows(catalogue, n_rows) {
            need if self.options.for_lists() => need,
            // Its own columns, and the order of an epoch.
            need => need.and("training rows as columns", &[n_rows], 16 + 4 * n_contexts),
        }
    }

    /// Says which `embedding_size` fits, or that rows need not lie in memory.
    pub(crate) fn would_fit(&self, catalogue: &Catalogue, n_rows: usize, memory: u64) -> Option<String> {
        let fits = |options: &NetworkOptions| {
            let with = NetworkApproach { description: self.description, options };
            with.memory(catalogue).with(with.memory_of_rows(catalogue, n_rows)).bytes() <= u128::from(memory)
        };
        let largest = |options: &NetworkOptions| {
            let with = |embedding_size| NetworkOptions { embedding_size, ..options.clone() };
            largest(options.embedding_size, |embedding_size| fits(&with(embedding_size)))
        };
        let streamed = NetworkOptions { shuffle: Shuffle::RowGroups, ..self.options.clone() };
        let cuts_rows = self.options.validation_split > 0.0;
        let could_stream = !self.options.for_lists() && !self.streams() && !cuts_rows;
        if could_stream && fits(&streamed) {
            return Some("set `shuffle = \"row-groups\"`, which reads training rows from the disk".to_owned());
        }
        if let Some(size) = largest(self.options) {
            return Some(format!("lower `embedding_size` to `{size}`"));
        }
        let size = largest(&streamed).filter(|_| could_stream)?;
        Some(format!(
            "lower `embedding_size` to `{size}` and set `shuffle = \"row-groups\"`, which reads training rows from the disk"
        ))
    }

    /// Whether rows are read group by group.
    pub(crate) fn streams(&self) -> bool {
        self.options.shuffle == Shuffle::RowGroups
    }

    pub(crate) fn fit(&self, data: &Train, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        if self.options.for_lists() {
            if ComputeDevice::find(run.device)?.device != ComputeDevice::cpu().device {
                run.progress.note(&format!("`{}` is trained for lists on the CPU", self.description.name));
            }
            return Ok(Box::new(lists::train(self.description, data, self.options, run)?));
        }
        Requirement::Stars.check(self.description.name, data)?;
        if self.streams() {
            let grouped = |rows: &Interactions| Grouped::new(rows, GROUP_ROWS);
            let (fit, validation) = (grouped(&data.fit), data.validation.as_ref().map(grouped));
            let validation = validation.as_ref().map(|rows| rows as &dyn RowGroups);
            return self.fit_streamed(&StreamedTrain { catalogue: &data.catalogue, fit: &fit, validation }, run);
        }
        let n = data.fit.len();
        let (fit, validation) = match (self.options.validation_split, &data.validation) {
            (0.0, Some(validation)) => (Columns::of(&data.fit, 0..n), Columns::of(validation, 0..validation.len())),
            (0.0, None) => (Columns::of(&data.fit, 0..n), Columns::default()),
            (share, _) => {
                let cut = (n as f64 * (1.0 - share)) as usize;
                (Columns::of(&data.fit, 0..cut), Columns::of(&data.fit, cut..n))
            }
        };
        self.fit_rows(&data.catalogue, (Rows::Whole(fit), Rows::Whole(validation)), run)
    }

    pub(crate) fn fit_streamed(&self, data: &StreamedTrain<'_>, run: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        if !self.streams() {
            return self.fit(&data.collect()?, run);
        }
        let validation = data.validation.map_or(Rows::Whole(Columns::default()), Rows::Groups);
        self.fit_rows(data.catalogue, (Rows::Groups(data.fit), validation), run)
    }

    fn fit_rows(
        &self,
        catalogue: &Arc<Catalogue>,
        (fit, validation): (Rows<'_>, Rows<'_>),
        run: &Run<'_>,
    ) -> Result<Box<dyn Fitted>, FitError> {
        let started = Instant::now();
        if fit.len() == 0 {
            return Err(FitError::NoRows { approach: self.description.name });
        }
        let devices = ComputeDevice::several(run.device, self.options.devices)?;
        let device = devices[0].clone();
        let devices: Vec<_> = devices.into_iter().map(|one| one.device).collect();
        let architecture = self.architecture(catalogue);
        if let Some(most) = device.largest_buffer() {
            refuse_larger(&architecture, most, &device)?;
        }
        let item_features = item_features(&architecture, catalogue, &device.device);
        let network = Network::init(architecture, &mut Initial::new(run.seed, &device.device));
        let data = Data { fit, validation, item_features: item_features.as_ref(), catalogue, device: device.name() };
        let (network, log) = train(network, &data, self.options, &devices, run, started)?;
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

/// The largest number from 1 to below `limit` that fits, where smaller ones do as well.
fn largest(limit: usize, fits: impl Fn(usize) -> bool) -> Option<usize> {
    let (mut fitting, mut too_large) = (0, limit);
    while fitting + 1 < too_large {
        let middle = fitting + (too_large - fitting) / 2;
        if fits(middle) { fitting = middle } else { too_large = middle }
    }
    (fitting > 0).then_some(fitting)
}

/// Refuses a network of which a table is larger than `most` bytes, which is what one buffer of `device` holds.
fn refuse_larger(architecture: &Architecture, most: u64, device: &ComputeDevice) -> Result<(), ModelError> {
    let size = architecture.sizes.embedding_size;
    let bytes = |rows: usize, size: usize| (rows as u128).saturating_mul(size as u128).saturating_mul(4);
    let Some(tower) = architecture.towers.iter().max_by_key(|tower| tower.n_rows) else { return Ok(()) };
    let (rows, table, most) = (tower.n_rows, tower.name, u128::from(most));
    if bytes(rows, size) <= most {
        return Ok(());
    }
    let remedy = match largest(size, |size| bytes(rows, size) <= most) {
        Some(size) => format!("lower `embedding_size` to `{size}`"),
        None => format!("take at most `{}` users and as many items", most / 4),
    };
    let (need, most, device) = (Size(bytes(rows, size)), Size(most), device.name().to_owned());
    Err(ModelError::LargeTable { table, rows, size, need, device, most, remedy })
}

#[cfg(test)]
mod tests {
    use reco_core::memory::affordable_in;
    use reco_core::testing::conformance::{Suite, check};
    use reco_core::testing::{Feedback, checkerboard};
    use reco_core::{Approach as _, ApproachEntry, Candidates, DeviceChoice, Query, Run, Scores, Seen, Silent, Who};
    use serde_json::json;

    use super::refuse_larger;
    use crate::description::Sizes;
    use crate::device::ComputeDevice;
    use crate::{APPROACHES, Collaborative, NetworkOptions, Shuffle, two_tower};

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
    fn what_is_too_much_is_said_with_what_fits() {
        let catalogue = checkerboard(12, Feedback::Stars).train.catalogue;
        let approach = |shuffle| Collaborative(NetworkOptions { shuffle, ..NetworkOptions::default() });
        let refuse = |shuffle, memory, n_rows| {
            affordable_in(memory, &approach(shuffle), &catalogue, n_rows).unwrap_err().to_string()
        };
        // Tables take 5 × 24 × 50 × 4 bytes, a row 48 in memory; of streamed ones a million lies there twice, in 16.
        assert_eq!(
            refuse(Shuffle::EveryEpoch, 1 << 30, 100_000_000),
            "`collaborative` needs about 4.5 GiB: training rows 100,000,000 × 32 bytes, training rows as columns \
             100,000,000 × 16 bytes, embeddings and their moments 5 × 24 × 50 × 4 bytes; this machine has `1.0 GiB`\n\
             hint: set `shuffle = \"row-groups\"`, which reads training rows from the disk"
        );
        affordable_in(1 << 30, &approach(Shuffle::RowGroups), &catalogue, 100_000_000).unwrap();
        let hint = |error: String| error.split_once("\nhint: ").unwrap().1.to_owned();
        // 5 × 24 × 4 bytes for each of its numbers.
        assert_eq!(hint(refuse(Shuffle::EveryEpoch, 480 * 20 + 479, 0)), "lower `embedding_size` to `20`");
        let rows = refuse(Shuffle::EveryEpoch, 480 * 20 + 47 * 1_000, 1_000);
        let from_the_disk = "set `shuffle = \"row-groups\"`, which reads training rows from the disk";
        assert_eq!(hint(rows), from_the_disk, "buffers have no more rows than there are");
        let both = refuse(Shuffle::EveryEpoch, 480 * 20 + 32 * 1_000, 1_000);
        assert_eq!(hint(both), format!("lower `embedding_size` to `20` and {from_the_disk}"));
        let none = refuse(Shuffle::RowGroups, 479, 0);
        assert_eq!(hint(none), "lower `embedding_size` or `shuffle_buffer`");
        // Rows that are cut in memory cannot be read from the disk.
        let cut = Collaborative(NetworkOptions { validation_split: 0.1, ..NetworkOptions::default() });
        let cut = affordable_in(480 * 20 + 48 * 1_000, &cut, &catalogue, 1_000).unwrap_err().to_string();
        assert_eq!(hint(cut), "lower `embedding_size` to `20`");
    }

    #[test]
    fn a_table_that_no_buffer_of_the_device_holds_is_refused() {
        let sizes = Sizes { n_users: 1_000_000, n_items: 10, n_features: 0, n_contexts: 0, embedding_size: 50 };
        let architecture = crate::collaborative::NETWORK.over(sizes);
        let refuse = |most| refuse_larger(&architecture, most, &ComputeDevice::cpu()).unwrap_err().to_string();
        refuse_larger(&architecture, 200_000_000, &ComputeDevice::cpu()).unwrap();
        assert_eq!(
            refuse(134_217_728),
            "the table `xusers_emb` of `1000000` rows and `embedding_size = 50` takes 190.7 MiB, and a buffer of \
             `cpu (flex)` holds `128.0 MiB`\nhint: lower `embedding_size` to `33`, or choose `device = \"cpu\"`"
        );
        assert!(refuse(3_000_000).contains("hint: take at most `750000` users and as many items, or choose"));
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
