use super::*;
use crate::host::fake;

const PACKAGE: &str = "sys/class/powercap/intel-rapl:0";

fn machine(energy_uj: &str) -> (tempfile::TempDir, Host) {
    let (root, host) = fake::host(&[
        ("sys/class/powercap/intel-rapl:0/name", "package-0\n"),
        (
            "sys/class/powercap/intel-rapl:0/max_energy_range_uj",
            "262143328850\n",
        ),
        ("sys/class/powercap/intel-rapl:0:0/name", "core\n"),
        ("sys/class/powercap/intel-rapl:0:0/energy_uj", "7\n"),
        ("sys/class/powercap/intel-rapl:1/name", "psys\n"),
        ("sys/class/powercap/intel-rapl:1/energy_uj", "7\n"),
        ("sys/class/powercap/intel-rapl-mmio:0/name", "package-0\n"),
        ("sys/class/powercap/intel-rapl-mmio:0/energy_uj", "7\n"),
    ]);
    set(&root, PACKAGE, energy_uj);
    (root, host)
}

fn set(root: &tempfile::TempDir, zone: &str, energy_uj: &str) {
    fake::write(root, &format!("{zone}/energy_uj"), energy_uj);
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn energy_of_a_pass_is_that_of_the_window_by_its_passes() {
    let (root, host) = machine("1000000\n");
    let meter = EnergyMeter::of(&host, None);
    let window = meter.begin(ms(10)).unwrap();
    set(&root, PACKAGE, "3000000\n");
    assert_eq!(window.end(ms(110), 100), Some(20.0));
    assert_eq!(meter.counted().as_deref(), Some("package-0"));
}

#[test]
fn memory_is_added_to_its_package() {
    const MEMORY: &str = "sys/class/powercap/intel-rapl:0:1";
    let (root, host) = machine("1000\n");
    fake::write(&root, &format!("{MEMORY}/name"), "dram\n");
    set(&root, MEMORY, "500\n");
    let meter = EnergyMeter::of(&host, None);
    let window = meter.begin(ms(0)).unwrap();
    set(&root, PACKAGE, "5000\n");
    set(&root, MEMORY, "1500\n");
    assert_eq!(window.end(ms(50), 1), Some(5.0));
    assert_eq!(meter.counted().as_deref(), Some("package-0, dram"));
}

#[test]
fn a_counter_that_begins_anew_within_a_window_has_not_run_backwards() {
    let (root, host) = machine("262143328000\n");
    let meter = EnergyMeter::of(&host, None);
    let window = meter.begin(ms(0)).unwrap();
    set(&root, PACKAGE, "1150\n");
    assert_eq!(window.end(ms(60), 1), Some(2.0));
}

#[test]
fn a_window_that_is_too_short_or_without_a_pass_tells_nothing() {
    let (root, host) = machine("0\n");
    let meter = EnergyMeter::of(&host, None);
    for (end, passes) in [(49, 5), (70, 0)] {
        let window = meter.begin(ms(0)).unwrap();
        set(&root, PACKAGE, "9000\n");
        assert_eq!(window.end(ms(end), passes), None);
    }
}

#[test]
fn a_window_in_which_a_counter_was_lost_or_set_back_does_not_count() {
    struct Fake(std::rc::Rc<std::cell::Cell<Option<u64>>>);
    impl EnergyCounter for Fake {
        fn name(&self) -> String {
            "fake".to_owned()
        }
        fn read_uj(&self) -> Option<u64> {
            self.0.get()
        }
        fn range_uj(&self) -> Option<u64> {
            None
        }
    }
    let reading = std::rc::Rc::new(std::cell::Cell::new(Some(5_000)));
    let meter = EnergyMeter::new(vec![Box::new(Fake(std::rc::Rc::clone(&reading)))]);
    for after in [None, Some(4_000)] {
        reading.set(Some(5_000));
        let window = meter.begin(ms(0)).unwrap();
        reading.set(after);
        assert_eq!(window.end(ms(100), 1), None);
    }
}

#[test]
fn without_counters_there_is_no_energy() {
    let (_root, host) = fake::host(&[]);
    let meter = EnergyMeter::of(&host, None);
    assert!(meter.begin(ms(0)).is_none());
    assert_eq!(meter.counted(), None);
    assert_eq!(rapl_status(&host), Err(NoRapl::Absent));
}

#[test]
fn a_counter_that_may_not_be_read_is_told_from_one_that_is_not_there() {
    let (root, host) = machine("1\n");
    assert_eq!(rapl_status(&host), Ok("package-0".to_owned()));
    // A folder cannot be read as a file, by nobody.
    let file = root.path().join(PACKAGE).join("energy_uj");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(rapl_status(&host), Err(NoRapl::Forbidden));
}
