//! `reco doctor`: what does this machine have?
//!
//! Does not know how to find out: reco-run does.
//!
//! **Invariant**: nothing missing makes it fail.

use reco_run::Doctor;

use crate::args::DoctorArgs;
use crate::text;

/// `reco doctor`
pub(crate) fn doctor(args: &DoctorArgs) -> anyhow::Result<()> {
    let found = reco_run::doctor(&args.folders.raw, &args.folders.out);
    if args.json { text::print_json(&found) } else { text::print(&describe(&found)) }
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
    text::columns(&rows, &[])
}
