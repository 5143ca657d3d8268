//! Runs `reco doctor`: shows the devices, versions and paths of this machine, and what its devices can do at most.
//!
//! Does not know how to find these out: reco-run does.
//!
//! **Invariant**: nothing that is missing makes the command fail.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reco_run::{Ceiling, DeviceCeilings, Doctor, Unit};

use crate::args::DoctorArgs;
use crate::text;

/// `reco doctor`
pub(crate) fn doctor(args: &DoctorArgs) -> anyhow::Result<()> {
    let mut found = reco_run::doctor(&args.folders.raw, &args.folders.out);
    if args.bench {
        text::say("measuring what each device can do at most: some ten seconds");
        found.ceilings = watched();
    }
    if args.json { text::print_json(&found) } else { text::print(&describe(&found)) }
}

/// Measures, and shows on a terminal what is being measured.
fn watched() -> Vec<DeviceCeilings> {
    let style = ProgressStyle::with_template("{spinner} {prefix}: {msg}");
    let bar = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    // The spinner does not tick in between: that would take part in what is measured.
    let ceilings = reco_run::ceilings(&|device, what| {
        bar.set_prefix(device.to_owned());
        bar.set_message(what.to_owned());
        bar.tick();
    });
    bar.finish_and_clear();
    ceilings
}

fn describe(found: &Doctor) -> String {
    let mut rows = Vec::new();
    let mut row = |cells: [&str; 3]| rows.push(cells.map(str::to_owned).to_vec());
    for (name, version) in &found.versions {
        row(["version", name, version]);
    }
    row(["system", &found.system, &format!("{} threads", found.threads)]);
    for device in &found.devices {
        let software = if device.is_software { "software" } else { "hardware" };
        let how = [device.backend.as_str(), &device.kind, software, &device.driver];
        let how: Vec<&str> = how.into_iter().filter(|part| !part.is_empty()).collect();
        row(["device", &device.name, &how.join(", ")]);
    }
    row(["device", "auto means", &found.auto]);
    for known in &found.paths {
        let state = match (known.exists, known.path.is_empty()) {
            (true, _) => known.path.clone(),
            (false, true) => "not set".to_owned(),
            (false, false) => format!("{} (not there)", known.path),
        };
        row(["path", &known.what, &state]);
    }
    let mut text = text::columns(&rows, &[]);
    for device in &found.ceilings {
        text += &format!("\n{}", measured(device));
    }
    text
}

/// A device's ceilings as a table.
fn measured(device: &DeviceCeilings) -> String {
    let heading = [device.device.as_str(), "threads", "median", "slowest", "fastest", "what is done"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(device.ceilings.iter().map(|ceiling| {
        let Ceiling { name, about, threads, unit, median, slowest, fastest, .. } = *ceiling;
        let threads = threads.map_or_else(|| "–".to_owned(), |threads| threads.to_string());
        let [mut median, slowest, fastest] = [median, slowest, fastest].map(|value| with_unit(value, unit));
        if unit == Unit::Rows {
            median += &format!(" ({}B/s)", thousands(ceiling.median * Unit::ROW_BYTES));
        }
        vec![name.to_owned(), threads, median, slowest, fastest, about.to_owned()]
    }));
    let mut text = text::columns(&rows, &[false, true, true, true, true]);
    if let Some(failure) = &device.failure {
        text += &format!("the device failed: {failure}\n");
    }
    text
}

/// `12.3 GB/s`
fn with_unit(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => format!("{}B/s", thousands(value)),
        Unit::MultiplyAdds => format!("{}FMA/s", thousands(value)),
        Unit::Numbers => format!("{}numbers/s", thousands(value)),
        Unit::Rows => format!("{}rows/s", thousands(value)),
        Unit::Seconds => format!("{:.1?}", Duration::from_secs_f64(value)),
    }
}

/// A number with about three digits and a metric prefix: `12.3 G`.
fn thousands(value: f64) -> String {
    let prefixes = ["", "k", "M", "G", "T"];
    let (mut value, mut at) = (value, 0);
    while value >= 999.5 && at + 1 < prefixes.len() {
        (value, at) = (value / 1e3, at + 1);
    }
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {}", prefixes[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_read_well() {
        assert_eq!(with_unit(12_345_678_901.0, Unit::Bytes), "12.3 GB/s");
        assert_eq!(with_unit(999_600.0, Unit::Numbers), "1.00 Mnumbers/s");
        assert_eq!(with_unit(3.42e-6, Unit::Seconds), "3.4µs");
        assert_eq!(thousands(999.4), "999 ");
        let ceiling = |unit, threads, median| Ceiling {
            name: "some-name",
            about: "what is done",
            threads,
            unit,
            median,
            slowest: median / 2.0,
            fastest: median * 2.0,
            turns: 7,
        };
        let device = DeviceCeilings {
            device: "x86_64 with 2 threads".to_owned(),
            ceilings: vec![ceiling(Unit::MultiplyAdds, Some(2), 4e10), ceiling(Unit::Rows, None, 7.5e7)],
            failure: Some("it was pulled out".to_owned()),
        };
        assert_eq!(
            measured(&device),
            "\
x86_64 with 2 threads  threads                    median       slowest      fastest  what is done
some-name                    2               40.0 GFMA/s   20.0 GFMA/s  80.0 GFMA/s  what is done
some-name                    –  75.0 Mrows/s (19.2 GB/s)  37.5 Mrows/s  150 Mrows/s  what is done
the device failed: it was pulled out
"
        );
    }
}
