//! Tests that ceilings are sound on each device that is here.
//!
//! Does not know how fast they should be: no test here is decided by time.
//!
//! **Invariant**: the tests measure very little, so that they take little time.

use reco_core::testing::left_out;

use super::*;

fn is_sound(ceiling: &Ceiling) {
    let Ceiling { median, slowest, fastest, .. } = *ceiling;
    assert!([median, slowest, fastest].iter().all(|value| value.is_finite() && *value > 0.0), "{ceiling:?}");
    let (least, most) = if ceiling.unit == Unit::Seconds { (fastest, slowest) } else { (slowest, fastest) };
    assert!(least <= median && median <= most && ceiling.turns == TURNS, "{ceiling:?}");
}

#[test]
fn the_cores_have_the_same_ceilings_each_alone_and_together() {
    let told = std::cell::RefCell::new(Vec::new());
    let found = cpu::measure(&[1, 2], cpu::Size::SMALL, &|what| told.borrow_mut().push(what.to_owned()));
    found.iter().for_each(is_sound);
    let names = |threads| {
        let of = found.iter().filter(|ceiling| ceiling.threads == Some(threads));
        of.map(|ceiling| ceiling.name).collect::<Vec<_>>()
    };
    assert_eq!(names(1), names(2));
    assert_eq!(told.into_inner(), [names(1), names(2)].concat());
    let json = serde_json::to_value(&found[0]).unwrap();
    assert_eq!((&json["name"], &json["unit"]), (&"read-memory".into(), &"bytes/s".into()));
}

#[test]
fn every_device_has_the_cost_of_an_operation_and_only_another_memory_one_of_sending() {
    for choice in [DeviceChoice::Cpu, DeviceChoice::Wgpu] {
        let Ok(device) = ComputeDevice::find(choice) else {
            left_out(&format!("ceilings of {choice:?}: there is no such device"));
            continue;
        };
        let found = tensors::measure(&device, tensors::Size::small(&device), &|_| {});
        assert_eq!(found.failure, None);
        found.ceilings.iter().for_each(is_sound);
        let has = |name| found.ceilings.iter().any(|ceiling| ceiling.name == name);
        assert!(has("launch") && has("answer") && has("matrix-product"));
        assert_eq!(has("upload"), choice == DeviceChoice::Wgpu);
    }
}

#[test]
fn a_rate_rises_as_time_falls_and_a_time_does_not() {
    let kind = |unit| Kind { name: "x", about: "y", unit };
    let rate = kind(Unit::Bytes).ceiling(vec![2.0, 1.0, 4.0], 8.0, Some(1));
    assert_eq!((rate.slowest, rate.median, rate.fastest), (2.0, 4.0, 8.0));
    let time = kind(Unit::Seconds).ceiling(vec![2.0, 1.0, 4.0], 1.0, None);
    assert_eq!((time.slowest, time.median, time.fastest), (4.0, 2.0, 1.0));
}
