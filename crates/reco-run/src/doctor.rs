//! Collects versions, the operating system, threads, compute devices and known paths.
//!
//! Does not know how they are shown, and measures no ceilings.
//!
//! **Invariant**: it creates and changes no file; a missing path or device is reported, never an error.

use std::path::Path;

use reco_core::DeviceChoice;
use reco_models::{DeviceCeilings, DeviceInfo};
use serde::Serialize;

/// The environment variable that names a folder with further data.
pub(crate) const EXTRA_DATA: &str = "RECO_EXTRA_DATA";

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Doctor {
    /// Versions, by name.
    pub versions: Vec<(String, String)>,
    /// The operating system and the processor.
    pub system: String,
    /// Threads that can run at once.
    pub threads: usize,
    /// Every device that can compute.
    pub devices: Vec<DeviceInfo>,
    /// What `device = "auto"` means here.
    pub auto: String,
    /// Where things lie.
    pub paths: Vec<KnownPath>,
    /// What each device can do at most, where that was measured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ceilings: Vec<DeviceCeilings>,
}

/// A place that reco reads or writes.
#[derive(Clone, Debug, Serialize)]
pub struct KnownPath {
    /// What it is for.
    pub what: String,
    /// Where it is; empty where it is not set.
    pub path: String,
    /// Whether it exists.
    pub exists: bool,
}

/// Looks at the machine, and at the folders `raw` and `out`.
pub fn doctor(raw: &Path, out: &Path) -> Doctor {
    let mut versions = vec![("reco".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    versions.extend(reco_models::versions().into_iter().map(|(name, version)| (name.to_owned(), version.to_owned())));
    let known = |what: &str, path: &Path| KnownPath {
        what: what.to_owned(),
        path: path.display().to_string(),
        exists: !path.as_os_str().is_empty() && path.exists(),
    };
    let mut paths = vec![known("raw", raw), known("out", out)];
    paths.extend(["tables", "features", "models", "evaluation", "report"].map(|name| known(name, &out.join(name))));
    paths.extend(reco_data::fetch::DATASETS.iter().map(|dataset| known(dataset.name, &raw.join(dataset.name))));
    let extra = std::env::var_os(EXTRA_DATA).unwrap_or_default();
    paths.push(known(EXTRA_DATA, Path::new(&extra)));
    Doctor {
        versions,
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        devices: reco_models::devices().to_vec(),
        auto: match reco_models::ComputeDevice::find(DeviceChoice::Auto) {
            Ok(device) => device.name().to_owned(),
            Err(error) => error.to_string(),
        },
        paths,
        ceilings: Vec::new(),
    }
}
