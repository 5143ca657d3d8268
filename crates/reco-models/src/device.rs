//! Finds and lists the devices that tensors are computed on: the CPU, wgpu and CUDA.
//!
//! Does not know models.
//!
//! **Invariant**: finding a device never panics: wgpu is asked for an adapter first, because Burn panics without one.

use std::sync::OnceLock;

use burn::tensor::{Device, DeviceKind, DeviceType, Tensor};
use burn_wgpu::{Wgpu, wgpu};
use reco_core::DeviceChoice;
use serde::{Deserialize, Serialize};

use crate::ModelError;

/// An available device, and its name.
#[derive(Clone, Debug)]
pub struct ComputeDevice {
    /// Burn's handle, without autodiff.
    pub(crate) device: Device,
    /// For results: `cpu (flex)`, `wgpu (llvmpipe …, Vulkan)`.
    pub(crate) name: String,
}

/// One device of this machine, as `reco doctor` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// What the driver calls it.
    pub name: String,
    /// `flex`, or wgpu's name of the graphics API: `vulkan`, `metal`, `dx12`, `gl`.
    pub backend: String,
    /// `cpu`, `discrete-gpu`, `integrated-gpu`, `virtual-gpu`, `other`.
    pub kind: String,
    /// The driver and its version; empty where there is none.
    pub driver: String,
    /// Whether it computes on the CPU: then `auto` does not choose it over flex.
    pub is_software: bool,
}

impl ComputeDevice {
    /// The device that `choice` means on this machine.
    ///
    /// # Errors
    /// No adapter for `wgpu`; `cuda` in a build without it.
    pub fn find(choice: DeviceChoice) -> Result<Self, ModelError> {
        match choice {
            DeviceChoice::Cpu => Ok(Self::cpu()),
            DeviceChoice::Wgpu => wgpu_device().clone().map(|(device, _)| device),
            DeviceChoice::Auto => {
                let real = devices().iter().any(|device| !device.is_software);
                let found = if real { wgpu_device().as_ref().ok() } else { None };
                Ok(found.map_or_else(Self::cpu, |(device, _)| device.clone()))
            }
            #[cfg(feature = "cuda")]
            DeviceChoice::Cuda => Ok(Self { device: Device::cuda(0), name: "cuda (device 0)".to_owned() }),
            #[cfg(not(feature = "cuda"))]
            DeviceChoice::Cuda => Err(ModelError::NoCuda),
        }
    }

    /// `n` devices that `choice` means on this machine, all of the kind of the one of [`ComputeDevice::find`], and each
    /// with the names of all of them; one alone is that of [`ComputeDevice::find`].
    ///
    /// # Errors
    /// As [`ComputeDevice::find`]; fewer devices than `n`.
    pub(crate) fn several(choice: DeviceChoice, n: usize) -> Result<Vec<Self>, ModelError> {
        let first = Self::find(choice)?;
        if n <= 1 {
            return Ok(vec![first]);
        }
        let mut found = match choice {
            DeviceChoice::Auto | DeviceChoice::Wgpu if first.device != Device::flex() => {
                let kind = wgpu_device().as_ref().map_or("", |(_, info)| info.kind.as_str());
                of_kind(Device::enumerate(DeviceType::Wgpu).into_vec(), kind)
            }
            #[cfg(feature = "cuda")]
            DeviceChoice::Cuda => Device::enumerate(DeviceType::Cuda).into_vec(),
            _ => vec![first.device.clone()],
        };
        if found.len() < n {
            return Err(ModelError::FewDevices { asked: n, found: found.len().max(1), first: first.name });
        }
        found.truncate(n);
        // What stands before the bracket is what they are reached by.
        let by = first.name.split(" (").next().unwrap_or_default();
        let names = found.iter().map(|device| device.identity().map_or_else(|| by.to_owned(), |one| one.name));
        let name = format!("{by} ({n} devices: {})", names.collect::<Vec<_>>().join(", "));
        Ok(found.into_iter().map(|device| Self { device, name: name.clone() }).collect())
    }

    /// The CPU, by Burn's flex backend.
    pub fn cpu() -> Self {
        Self { device: Device::flex(), name: "cpu (flex)".to_owned() }
    }

    /// The bytes of the largest tensor that it holds in one piece, where it tells: of wgpu the least of the adapter's
    /// `max_buffer_size` and `max_storage_buffer_binding_size`.
    pub(crate) fn largest_buffer(&self) -> Option<u64> {
        if self.device == Device::flex() {
            return None;
        }
        let probe = Tensor::<1>::zeros([1], &self.device).try_into_primitive::<Wgpu>().ok()?;
        Some(probe.client.properties().memory.max_page_size)
    }

    /// What it is called in results.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The wgpu device and its adapter, set up once per process: a second set-up of the same runtime is an error.
fn wgpu_device() -> &'static Result<(ComputeDevice, DeviceInfo), ModelError> {
    static DEVICE: OnceLock<Result<(ComputeDevice, DeviceInfo), ModelError>> = OnceLock::new();
    DEVICE.get_or_init(|| match Device::wgpu_options().init_with_setup() {
        Ok((device, setup)) => {
            let info = describe(&setup.adapter.get_info());
            Ok((ComputeDevice { device, name: format!("wgpu ({}, {})", info.name, info.backend) }, info))
        }
        Err(error) => Err(ModelError::NoAdapter { reason: error.to_string() }),
    })
}

/// Those of wgpu's devices that are of this kind, which is one of [`DeviceInfo`]: a batch that is divided among a GPU
/// and a driver that computes on the CPU would wait for the latter.
fn of_kind(found: Vec<Device>, kind: &str) -> Vec<Device> {
    // Burn counts the devices of each kind from 0.
    let nth = |n: usize| match kind {
        "discrete-gpu" => Some(DeviceKind::DiscreteGpu(n)),
        "integrated-gpu" => Some(DeviceKind::IntegratedGpu(n)),
        "virtual-gpu" => Some(DeviceKind::VirtualGpu(n)),
        "cpu" => Some(DeviceKind::Cpu),
        _ => None,
    };
    let all: Vec<Device> = (0..found.len()).filter_map(nth).map(Device::wgpu).collect();
    found.into_iter().filter(|device| all.contains(device)).collect()
}

fn describe(info: &wgpu::AdapterInfo) -> DeviceInfo {
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete-gpu",
        wgpu::DeviceType::IntegratedGpu => "integrated-gpu",
        wgpu::DeviceType::VirtualGpu => "virtual-gpu",
        wgpu::DeviceType::Cpu => "cpu",
        wgpu::DeviceType::Other => "other",
    };
    DeviceInfo {
        name: info.name.clone(),
        backend: info.backend.to_str().to_owned(),
        kind: kind.to_owned(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        // OpenGL reports software rasterisers as `Other`: only a device that says it is a GPU counts as one.
        is_software: !matches!(
            info.device_type,
            wgpu::DeviceType::DiscreteGpu | wgpu::DeviceType::IntegratedGpu | wgpu::DeviceType::VirtualGpu
        ),
    }
}

/// All devices of this machine: the CPU first, then every adapter that wgpu sees.
pub fn devices() -> &'static [DeviceInfo] {
    static DEVICES: OnceLock<Vec<DeviceInfo>> = OnceLock::new();
    DEVICES.get_or_init(|| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut devices = vec![DeviceInfo {
            name: format!("{} with {threads} threads", std::env::consts::ARCH),
            backend: "flex".to_owned(),
            kind: "cpu".to_owned(),
            driver: String::new(),
            is_software: true,
        }];
        // Vulkan, Metal and DX12 compute; looking at OpenGL as well would only make its drivers complain on a terminal.
        let descriptor = wgpu::InstanceDescriptor {
            backends: wgpu::Backends::PRIMARY,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        };
        let instance = wgpu::Instance::new(descriptor);
        let adapters = burn::tensor::try_read_sync(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
        devices.extend(adapters.unwrap_or_default().iter().map(|adapter| describe(&adapter.get_info())));
        devices
    })
}

/// The versions of the libraries that decide results.
pub fn versions() -> Vec<(&'static str, &'static str)> {
    vec![("reco-models", env!("CARGO_PKG_VERSION")), ("burn", "0.22")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_other_kinds_are_left_out() {
        use DeviceKind::{Cpu, DiscreteGpu, IntegratedGpu};
        let found = || [IntegratedGpu(0), DiscreteGpu(0), Cpu, DiscreteGpu(1)].map(Device::wgpu).to_vec();
        assert_eq!(of_kind(found(), "discrete-gpu"), [DiscreteGpu(0), DiscreteGpu(1)].map(Device::wgpu));
        assert_eq!(of_kind(found(), "integrated-gpu"), [Device::wgpu(IntegratedGpu(0))]);
        assert_eq!(of_kind(found(), "cpu"), [Device::wgpu(Cpu)]);
        assert!(of_kind(found(), "other").is_empty());
    }
}
